"""What only detailed profiles show: counts of an account, kept for all viewers, and what ties one viewer to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from indexer.cache.counts import CountReader
from indexer.hydration.counts import ACTORS, PageCounts
from indexer.hydration.own import Own, OwnRelations
from indexer.hydration.rows import ABSENT, RowBook, ViewerRows, actor_counts_subject
from indexer.hydration.state import ProfileDetail, ProfileTies, State
from indexer.store.reads.database import Database

FEW_FOLLOWERS: Final = 400
"""Of accounts with no more followers these are kept, so that whom of them a viewer follows need not be asked."""

SHOWN_FOLLOWERS: Final = 5
"""At most so many of the viewer's follows are shown as followers (also in profile_ties.sql)."""


class ProfileDetails:
    """Adds them to a state. `counts`: those in the cache, None where caches are turned off."""

    def __init__(self, database: Database, book: RowBook, own: Own, counts: CountReader | None) -> None:
        self._database = database
        self._book = book
        self._own = own
        self._counts = counts

    async def read(self, state: State, actors: Sequence[int]) -> None:
        """Of these accounts; those that do not exist are left out. Raises StoreError."""
        kept = self._book.of(state.viewer, state.asker.version)
        await self._read_details(state, kept, actors)
        if state.viewer is not None:
            await self._read_ties(
                state, kept, state.viewer, [actor for actor in actors if actor in state.details]
            )

    async def _read_details(self, state: State, kept: ViewerRows | None, actors: Sequence[int]) -> None:
        wanted = []
        for actor in actors:
            found = ABSENT if kept is None else kept.book.details.get(actor)
            if found is None or found is ABSENT:
                wanted.append(actor)
            else:
                state.details[actor] = found
        if not wanted:
            return
        token = self._book.messages
        counts = PageCounts(self._database, None if kept is None else self._counts, ACTORS)
        rows, counted = await asyncio.gather(
            self._database.rows("profile_details", wanted, FEW_FOLLOWERS), counts.of(wanted)
        )
        for row in rows:
            detail = ProfileDetail(*row)
            detail.followers, detail.follows, detail.posts = counted[detail.actor]
            state.details[detail.actor] = detail
            if kept is not None:
                subjects = (detail.actor, actor_counts_subject(detail.actor))
                size = 8 * len(detail.few_followers or ())
                kept.book.details.put(detail.actor, detail, token, subjects, size)

    async def _read_ties(
        self, state: State, kept: ViewerRows | None, viewer: int, actors: Sequence[int]
    ) -> None:
        wanted = []
        own = None if kept is None else await self._own.relations(kept, viewer)
        for actor in actors:
            found = ABSENT if kept is None else kept.ties.get(actor)
            if found is not None and found is not ABSENT:
                state.ties[actor] = found
            elif own is not None and (followers := state.details[actor].few_followers) is not None:
                state.ties[actor] = _ties(own, actor, followers)
            else:
                wanted.append(actor)
        if not wanted:
            return
        token = self._book.messages
        for row in await self._database.rows("profile_ties", wanted, viewer):
            ties = state.ties[row["actor"]] = ProfileTies(*row)
            if kept is not None:
                # who follows the account is counted
                kept.ties.put(ties.actor, ties, token, (actor_counts_subject(ties.actor),))


def _ties(own: OwnRelations, actor: int, followers: list[int]) -> ProfileTies:
    """The same as profile_ties.sql says, of what is known."""
    known = sorted(own.follows.intersection(followers))
    posts, replies = own.subscriptions.get(actor, (None, None))
    return ProfileTies(actor, len(known), known[:SHOWN_FOLLOWERS], posts, replies)
