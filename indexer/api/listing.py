"""The stages that lists have in common: of records (generators, lists, starter packs), and of accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from indexer.api.endpoint import Call, P
from indexer.api.parameters import AtIdentifier, Paged
from indexer.hydration.state import Json, Key, RecordKey, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.store.reads.lists import Listed, Lists
from indexer.views.profiles import profile
from indexer.views.rules import viewer_blocks


def page(name: str, views: Iterable[Any], cursor: str | None = None) -> Json:
    """An answer with those of the views that are not None under `name`, and the cursor after them."""
    answer: Json = {name: [view for view in views if view is not None]}
    if cursor is not None:
        answer["cursor"] = cursor
    return answer


# --- records ---------------------------------------------------------------------------------------------------------


class Listing(NamedTuple):
    """Records by their keys, and the cursor after them."""

    keys: list[RecordKey]
    cursor: str | None = None


class OfAccount(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier


def made_by(kind: int, *, by_creation: bool = False) -> Callable[[Call[Any]], Awaitable[Listing]]:
    """A page of the records of a kind that the account `actor` of the parameters has made."""

    async def skeleton(call: Call[OfAccount]) -> Listing:
        params = call.params
        if of_an_older_kind(params.cursor):
            return Listing([])
        actor = await call.actor(params.actor)
        cursor = Cursor.parse(params.cursor)
        found, after = await call.services.lists.made_by(
            actor, kind, cursor, params.limit, by_creation=by_creation
        )
        return Listing([listed.key for listed in found], after)

    return skeleton


ReadLists = Callable[[Lists, int, Cursor | None, int], Awaitable[tuple[list[Listed], str | None]]]


def of_viewer(read: ReadLists) -> Callable[[Call[Paged]], Awaitable[Listing]]:
    """A page of the lists that `read` gives for the viewer."""

    async def skeleton(call: Call[Paged]) -> Listing:
        if of_an_older_kind(call.params.cursor):
            return Listing([])
        cursor = Cursor.parse(call.params.cursor)
        found, after = await read(call.services.lists, call.viewer, cursor, call.params.limit)
        return Listing([listed.key for listed in found], after)

    return skeleton


async def named(call: Call[P], uris: list[str], kind: int) -> Listing:
    """Those of the records with these AT-URIs that are of the kind."""
    found = await call.services.keys.keys_of_uris(uris)
    return Listing([found[uri] for uri in uris if uri in found and found[uri][0] == kind])


async def hydrate_listing(call: Call[P], found: Listing) -> State:
    """State for showing the records with their creators."""
    return await call.services.hydrator.records(call.asker, found.keys)


def present_listing(
    name: str, show: Callable[[State, Key], Json | None]
) -> Callable[[Call[P], Listing, State], Json]:
    """A presentation that puts what `show` gives of each record under `name`."""

    def present(call: Call[P], found: Listing, state: State) -> Json:
        return page(name, (show(state, (key, actor)) for _, key, actor in found.keys), found.cursor)

    return present


# --- accounts --------------------------------------------------------------------------------------------------------


class Accounts(NamedTuple):
    """Accounts by id, and the cursor after them."""

    actors: list[int]
    cursor: str | None = None


async def hydrate_accounts(call: Call[P], found: Accounts) -> State:
    """State for showing them as profileView."""
    return await call.services.hydrator.profiles(call.asker, found.actors)


def unblocked(call: Call[P], found: Accounts, state: State) -> Accounts:
    """A rule: none of whom a block keeps from the viewer."""
    return found._replace(actors=[actor for actor in found.actors if not viewer_blocks(state, actor)])


def present_accounts(
    name: str, show: Callable[[State, int], Any] = profile
) -> Callable[[Call[P], Accounts, State], Json]:
    """A presentation that puts what `show` gives of each account under `name`."""

    def present(call: Call[P], found: Accounts, state: State) -> Json:
        return page(name, (show(state, actor) for actor in found.actors), found.cursor)

    return present
