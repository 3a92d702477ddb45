"""URLs of pictures and videos, which another service than this one delivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Links:
    """`image`: a pattern with {preset}, {did} and {cid}; `video`: one of a directory, with {did} and {cid}."""

    image_pattern: str
    video_pattern: str

    def image(self, preset: str, did: str, blob: Any) -> str | None:
        """The URL of an image blob under a preset (avatar, banner, feed_thumbnail, feed_fullsize)."""
        cid = blob_cid(blob)
        return None if cid is None else self.image_pattern.format(preset=preset, did=did, cid=cid)

    def playlist(self, did: str, cid: str) -> str:
        return self._video(did, cid) + "/playlist.m3u8"

    def thumbnail(self, did: str, cid: str) -> str:
        return self._video(did, cid) + "/thumbnail.jpg"

    def _video(self, did: str, cid: str) -> str:
        return self.video_pattern.format(did=quote(did, safe=""), cid=quote(cid, safe=""))


def blob_cid(blob: Any) -> str | None:
    """The CID of a blob reference, in its present form ({ref: {$link}}) or the legacy one ({cid, mimeType})."""
    if not isinstance(blob, dict):
        return None
    reference = blob.get("ref")
    cid = reference.get("$link") if isinstance(reference, dict) else blob.get("cid")
    return cid if isinstance(cid, str) else None
