"""Following labelers: their streams of signed labels, into the table that views read.

Owns what a label must be to be kept (label specification: its source is the labeler, its signature by the labeler's
`#atproto_label` key is over the DAG-CBOR of the label without `sig`) and each stream's cursor, which moves in the
transaction of its labels. Connecting is the firehose's business, what a label does is the views'.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any, NamedTuple

import structlog
import trio

from indexer._fastpath import cbor
from indexer._fastpath.syntax import parse_datetime
from indexer.errors import ConfigError, FrameError, FutureCursor, IdentityError, StoreError, UpstreamRefused
from indexer.firehose import FirehoseOptions, Follower, FrameBatch, parse_upstream
from indexer.firehose.broken import BrokenFrames
from indexer.ops import metrics
from indexer.ops.asyncio_thread import AsyncioThread
from indexer.store.labels import LabelStore
from indexer.sync.did_document import LABEL_KEY, DidDocument
from indexer.sync.identity import IdentityResolver
from indexer.sync.signature import verify_digest

SUBSCRIBE_LABELS = "/xrpc/com.atproto.label.subscribeLabels"
SERVICE, SERVICE_TYPE = "atproto_labeler", "AtprotoLabeler"

RETRY_SECONDS = 30.0
"""How long to wait where a labeler cannot be followed now: its document or the database cannot be reached."""

_LONGEST = {"uri": 8_192, "cid": 256, "val": 128, "cts": 64, "exp": 64}

log = structlog.get_logger("indexer.labels")


class Label(NamedTuple):
    """A label that may be kept, as the columns of its table."""

    src: str
    uri: str
    cid: str
    val: str
    neg: bool
    cts: str
    exp: str | None


class _Refused(Exception):
    """A label is not kept; says why."""


class LabelStream:
    """Follows one labeler for as long as it runs."""

    def __init__(
        self,
        did: str,
        resolver: IdentityResolver,
        thread: AsyncioThread,
        store: LabelStore,
        options: FirehoseOptions,
    ) -> None:
        self._did = did
        self._resolver = resolver
        self._thread = thread
        self._store = store
        self._options = options
        self._cursor = 0
        self._broken_frames = BrokenFrames()
        self._document: DidDocument | None = None
        self._asked_at = -float("inf")

    async def run(self) -> None:
        """Follow until cancelled. Whatever goes wrong is logged and tried again."""
        while True:
            try:
                await self._follow()
            except* (IdentityError, ConfigError, StoreError, UpstreamRefused, FutureCursor) as group:
                reasons = [str(error) for error in group.exceptions]
                log.warning("cannot follow a labeler, trying again", labeler=self._did, reasons=reasons)
            await trio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        document = await self._document_since(time.time())
        service = document.services.get(SERVICE)
        if service is None or service.kind != SERVICE_TYPE:
            raise IdentityError(
                f"expected a service #{SERVICE} in the DID document of {self._did}, found none"
            )
        self._cursor = await self._thread.call(self._store.cursor, self._did)
        send, receive = trio.open_memory_channel[FrameBatch](0)
        upstream = parse_upstream(service.endpoint.rstrip("/") + SUBSCRIBE_LABELS)
        follower = Follower(upstream, lambda: self._cursor, send, self._options)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.run)
            async for batch in receive:
                try:
                    await self._take(batch.frames, batch.received_at)
                except FrameError as error:
                    follower.fail(error, batch.connection)

    async def _document_since(self, moment: float) -> DidDocument:
        """The labeler's document as it is now or was after `moment` (seconds since 1970).

        Asked for anew no more often than other forced refreshes are: it may have to be waited for. Raises
        IdentityError where it cannot be had.
        """
        if self._document is None or self._asked_at < moment:
            await trio.sleep(
                max(0.0, self._asked_at + self._resolver.settings.refresh_interval - time.time())
            )
            asked_at = time.time()
            self._resolver.forget(self._did)
            self._document, self._asked_at = await self._resolver.resolve(self._did), asked_at
        return self._document

    async def _take(self, frames: list[bytes], received_at: float) -> None:
        """Keep the labels of frames, in order, and with them how far the stream has come.

        Raises FrameError at a frame that is none, unless it never decodes, however often it comes: then it is passed
        over. What came before is kept.
        """
        kept: dict[tuple[str, ...], Label] = {}
        cursor, broken = self._cursor, None
        for frame in frames:
            try:
                seq, values = _read(frame)
            except FrameError as error:
                if self._broken_frames.never_decodes(frame):
                    metrics.LABELS.labels("refused").inc()
                    log.warning("frame passed over: it never decodes", labeler=self._did, error=str(error))
                    continue
                broken = error
                break
            if seq <= cursor:
                continue
            for value in values:
                try:
                    label = await self._checked(value, received_at)
                except _Refused as reason:
                    metrics.LABELS.labels("refused").inc()
                    log.info("label refused", labeler=self._did, seq=seq, reason=str(reason))
                else:
                    metrics.LABELS.labels("kept").inc()
                    kept[label[:4]] = label
            cursor = seq
        await self._thread.call(self._store.save, self._did, cursor, list(kept.values()))
        self._cursor = cursor
        if broken is not None:
            raise broken

    async def _checked(self, value: Any, received_at: float) -> Label:
        """The label that may be kept. Raises _Refused, and IdentityError where that cannot be known now."""
        label, signature, signed = _parse(value, self._did)
        document = self._document
        if document is None or not _is_signed(document, signature, signed):
            # The key may have changed since the document was read: only one younger than the label may refuse it.
            document = await self._document_since(received_at)
            if not _is_signed(document, signature, signed):
                raise _Refused("its signature is not by the labeler's key")
        return label


def _read(frame: bytes) -> tuple[int, list[Any]]:
    """(sequence number, labels) of a `#labels` frame; (0, []) for another. Raises FrameError for none at all."""
    header, end = cbor.decode_at(frame)
    body, _ = cbor.decode_at(frame, end)
    if not isinstance(header, dict) or not isinstance(body, dict):
        raise FrameError("expected a frame of two maps, got other CBOR")
    if header.get("op") != 1 or header.get("t") != "#labels":
        return 0, []
    seq, labels = body.get("seq"), body.get("labels")
    if not isinstance(seq, int) or not isinstance(labels, list):
        raise FrameError("expected seq and labels in a #labels frame, got others")
    return seq, labels


def _parse(value: Any, source: str) -> tuple[Label, bytes, bytes]:
    """(label, signature, signed bytes). Raises _Refused."""
    if not isinstance(value, dict):
        raise _Refused(f"expected a map, got {type(value).__name__}")
    signature = value.get("sig")
    if value.get("ver") != 1 or not isinstance(signature, bytes):
        raise _Refused("expected version 1 with a signature")
    if value.get("src") != source:
        raise _Refused(f"expected one of {source}, got one of {str(value.get('src'))[:100]}")
    for name, longest in _LONGEST.items():
        text = value.get(name)
        missing = text is None and name in ("cid", "exp") and name not in value
        if not missing and (
            not isinstance(text, str) or not 0 < len(text.encode()) <= longest or "\0" in text
        ):
            raise _Refused(f"expected {name} as text of at most {longest} bytes, got {str(text)[:100]!r}")
    if not value["uri"].startswith(("at://", "did:")):
        raise _Refused(f"expected the URI of an account or record, got {value['uri'][:100]!r}")
    for name in ("cts", "exp"):
        if name in value:
            try:
                parse_datetime(value[name])
            except FrameError as error:
                raise _Refused(f"{name}: {error}") from error
    negates = value.get("neg", False)
    if not isinstance(negates, bool):
        raise _Refused("expected neg to be true or false")
    signed = cbor.encode({name: part for name, part in value.items() if name not in ("sig", "$type")})
    cid = value.get("cid", "")
    label = Label(source, value["uri"], cid, value["val"], negates, value["cts"], value.get("exp"))
    return label, signature, signed


def _is_signed(document: DidDocument, signature: bytes, signed: bytes) -> bool:
    key = document.keys.get(LABEL_KEY)
    return key is not None and verify_digest(key, hashlib.sha256(signed).digest(), signature)
