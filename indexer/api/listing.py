"""The stages that all lists of generators, lists and starter packs have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from indexer.api.endpoint import Call, P
from indexer.hydration.state import Json, Key, RecordKey, State


class Listing(NamedTuple):
    """Records by their keys, and the cursor after them."""

    keys: list[RecordKey]
    cursor: str | None = None


async def hydrate_listing(call: Call[P], found: Listing) -> State:
    """State for showing the records with their creators."""
    return await call.services.hydrator.records(call.asker, found.keys)


def present_listing(
    name: str, show: Callable[[State, Key], Json | None]
) -> Callable[[Call[P], Listing, State], Json]:
    """A presentation that puts what `show` gives of each record under `name`."""

    def present(call: Call[P], found: Listing, state: State) -> Json:
        views = (show(state, (key, actor)) for _, key, actor in found.keys)
        answer: Json = {name: [view for view in views if view is not None]}
        if found.cursor is not None:
            answer["cursor"] = found.cursor
        return answer

    return present
