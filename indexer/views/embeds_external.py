"""Links with a card: app.bsky.embed.external#view."""

from __future__ import annotations

from indexer.hydration.state import Json, State


def external_embed(state: State, did: str, embed: Json) -> Json:
    """The view of an external embed in a record of the account `did`, as its author wrote it."""
    external = embed.get("external")
    if not isinstance(external, dict):
        external = {}
    view: Json = {name: external.get(name) for name in ("uri", "title", "description")}
    if external.get("thumb") is not None:
        view["thumb"] = state.links.image("feed_thumbnail", did, external["thumb"])
    if external.get("associatedRefs") is not None:
        view["associatedRefs"] = external["associatedRefs"]
    return {"$type": "app.bsky.embed.external#view", "external": view}
