"""What posts embed: pictures, videos, links and other records."""

from __future__ import annotations

from collections.abc import Callable

from indexer.hydration.links import blob_cid
from indexer.hydration.posts import embedded_uri
from indexer.hydration.state import Json, Post, RecordKey, State, split_uri
from indexer.records.collections import GENERATOR, LABELER_SERVICE, LIST, POST, STARTER_PACK
from indexer.records.post_flags import VIOLATES_POSTGATE
from indexer.views.embeds_external import external_embed
from indexer.views.lists import list_view
from indexer.views.packs import starter_pack_basic
from indexer.views.profiles import blocked_author
from indexer.views.rules import third_parties_block, viewer_blocks
from indexer.views.services import generator, labeler

#: Clients enforce 10 pictures although the lexicon lets records hold 20.
_GALLERY_LIMIT = 10

_PLACEHOLDERS = frozenset(
    f"app.bsky.embed.record#{name}" for name in ("viewNotFound", "viewBlocked", "viewDetached")
)

#: Shows an embedded post at a depth: given by posts.py, which shows embeds itself.
ShowPost = Callable[[State, "tuple[int, int]", int], "Json | None"]


def embed_view(state: State, post: Post, depth: int, show: ShowPost) -> Json | None:
    """The view of what a post embeds; None for a kind that is not known."""
    embed = post.record.value().get("embed")
    if not isinstance(embed, dict):
        return None
    if embed.get("$type") == "app.bsky.embed.record":
        return {"$type": "app.bsky.embed.record#view", **_record(state, post, depth, show)}
    if embed.get("$type") == "app.bsky.embed.recordWithMedia":
        media = _media(state, state.did(post.actor), embed.get("media"))
        if media is None:
            return None
        record = _record(state, post, depth, show)
        if record["record"]["$type"] in _PLACEHOLDERS:
            record["$type"] = "app.bsky.embed.record#view"
        return {"$type": "app.bsky.embed.recordWithMedia#view", "media": media, "record": record}
    return _media(state, state.did(post.actor), embed)


def _media(state: State, did: str, embed: object) -> Json | None:
    if not isinstance(embed, dict):
        return None
    kind = embed.get("$type")
    if kind == "app.bsky.embed.images":
        images = [_picture(state, did, image, "thumb") for image in embed.get("images") or ()]
        return {"$type": "app.bsky.embed.images#view", "images": images}
    if kind == "app.bsky.embed.video":
        return _video(state, did, embed)
    if kind == "app.bsky.embed.gallery":
        items = [
            {"$type": "app.bsky.embed.gallery#viewImage", **_picture(state, did, item, "thumbnail")}
            for item in (embed.get("items") or ())[:_GALLERY_LIMIT]
            if item.get("$type") == "app.bsky.embed.gallery#image"
        ]
        return {"$type": "app.bsky.embed.gallery#view", "items": items}
    if kind == "app.bsky.embed.external":
        return external_embed(state, did, embed)
    return None


def _picture(state: State, did: str, image: Json, thumb: str) -> Json:
    view: Json = {
        thumb: state.links.image("feed_thumbnail", did, image.get("image")),
        "fullsize": state.links.image("feed_fullsize", did, image.get("image")),
        "alt": image.get("alt", ""),
    }
    if image.get("aspectRatio") is not None:
        view["aspectRatio"] = image["aspectRatio"]
    return view


def _video(state: State, did: str, embed: Json) -> Json:
    cid = blob_cid(embed.get("video")) or ""
    view: Json = {
        "$type": "app.bsky.embed.video#view",
        "cid": cid,
        "playlist": state.links.playlist(did, cid),
        "thumbnail": state.links.thumbnail(did, cid),
    }
    for name in ("alt", "aspectRatio", "presentation"):
        if embed.get(name) is not None:
            view[name] = embed[name]
    return view


# --- records -------------------------------------------------------------------------------------------------------


def _record(state: State, post: Post, depth: int, show: ShowPost) -> Json:
    """{record: ...}: the embedded record, or why it is not shown."""
    uri = embedded_uri(post.record.value())
    if uri is None:
        reference = (post.record.value().get("embed") or {}).get("record") or {}
        return _not_found(str(reference.get("uri", "")))
    key = _embedded_key(state, post, uri)
    if key is not None and (
        viewer_blocks(state, key[2])
        or (not state.asker.include_takedowns and third_parties_block(state, post.actor, key[2]))
    ):
        return {
            "record": {
                "$type": "app.bsky.embed.record#viewBlocked",
                "uri": uri,
                "blocked": True,
                "author": blocked_author(state, key[2], state.did(key[2])),
            }
        }
    if post.flags & VIOLATES_POSTGATE:
        return _detached(uri)
    if key is None:
        return _not_found(uri)
    if key[0] == POST:
        return _post(state, post, (key[1], key[2]), uri, depth, show)
    view = _other(state, key)
    return {"record": view} if view is not None else _not_found(uri)


def _embedded_key(state: State, post: Post, uri: str) -> RecordKey | None:
    if post.quote is not None:
        return (POST, *post.quote)
    return state.uris.get(uri)


def _post(state: State, post: Post, key: tuple[int, int], uri: str, depth: int, show: ShowPost) -> Json:
    quoted = state.posts.get(key)
    view = show(state, key, depth) if quoted is not None else None
    if quoted is None or view is None:
        return _not_found(uri)
    if quoted.postgate is not None:
        detached = quoted.postgate_record.value().get("detachedEmbeddingUris") or ()
        if state.post_uri(post.key) in detached:
            return _detached(uri)
    return {"record": view}


def _other(state: State, key: RecordKey) -> Json | None:
    kind, name = None, ""
    if key[0] == GENERATOR:
        kind, name = generator(state, (key[1], key[2])), "app.bsky.feed.defs#generatorView"
    elif key[0] == LIST:
        kind, name = list_view(state, (key[1], key[2])), "app.bsky.graph.defs#listView"
    elif key[0] == LABELER_SERVICE:
        kind, name = labeler(state, key), "app.bsky.labeler.defs#labelerView"
    elif key[0] == STARTER_PACK:
        kind, name = starter_pack_basic(state, (key[1], key[2])), "app.bsky.graph.defs#starterPackViewBasic"
    return None if kind is None else {"$type": name, **kind}


def _not_found(uri: str) -> Json:
    return {"record": {"$type": "app.bsky.embed.record#viewNotFound", "uri": uri, "notFound": True}}


def _detached(uri: str) -> Json:
    return {"record": {"$type": "app.bsky.embed.record#viewDetached", "uri": uri, "detached": True}}


def quotes_a_post(post: Post) -> bool:
    """Whether a post embeds another post, alone or beside media."""
    uri = embedded_uri(post.record.value()) if post.embeds_record else None
    parts = split_uri(uri) if uri is not None else None
    return parts is not None and parts.collection == "app.bsky.feed.post"
