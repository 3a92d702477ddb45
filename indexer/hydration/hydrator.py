"""Reads what a page needs, each kind of thing once.

The order is always the same: posts (with what surrounds them, in one question), then, at once, the accounts, blocks
between third parties, embedded records and labels that these posts name, then the few things that only the answers
reveal (lists through which somebody is muted or blocked, the accounts of verifiers).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from indexer.cache.counts import CountReader
from indexer.hydration.accounts import Accounts
from indexer.hydration.details import ProfileDetails
from indexer.hydration.fragments import Fragments
from indexer.hydration.labels import Labels
from indexer.hydration.links import Links
from indexer.hydration.own import Own
from indexer.hydration.posts import Posts, embedded_uri, gate_lists, third_parties
from indexer.hydration.records import EMBEDDED, Records
from indexer.hydration.relations import Relations
from indexer.hydration.rows import RowBook
from indexer.hydration.state import Asker, Post, State, Stored, list_keys
from indexer.hydration.threads import read_root_likes
from indexer.records.collections import FOLLOW, LIKE, LIST, POST, REPOST, VERIFICATION
from indexer.store.reads.database import Database
from indexer.store.reads.edges import Edge, Edges
from indexer.store.reads.feeds import FeedItem
from indexer.store.reads.keys import Key, KeyBook, RecordKey
from indexer.store.reads.notices import Notice

_KNOWN_LIKERS = 3
"""How many of the likers whom the viewer follows are shown."""


class Hydrator:
    """One per API worker. `trusted_verifiers`: DIDs whose verification records count."""

    def __init__(
        self,
        database: Database,
        keys: KeyBook,
        edges: Edges,
        links: Links,
        trusted_verifiers: Sequence[str] = (),
        book: RowBook | None = None,
        *,
        counts: CountReader | None = None,
        moderator: str | None = None,
    ) -> None:
        """`counts`: those in the cache, None where caches are turned off. `moderator`: the DID in whose name the
        operator takes records down, None where there is no operator.
        """
        self.database = database
        self.keys = keys
        self.links = links
        self.fragments = Fragments()
        self.edges = edges
        self.book = book or RowBook()
        own = Own(database, keys)
        self.relations = Relations(database, keys, self.book, own)
        self._accounts = Accounts(database, keys, self.book, self.relations, trusted_verifiers)
        self._records = Records(database, keys, self._accounts)
        self._posts = Posts(database, self.book, counts)
        self._labels = Labels(database, keys, self.book, moderator)
        self._details = ProfileDetails(database, self.book, own, counts)

    def state(self, asker: Asker) -> State:
        return State(asker, self.keys, self.links, self.fragments)

    # --- posts ---------------------------------------------------------------------------------------------------

    async def posts(
        self, asker: Asker, keys: Iterable[Key], *, parents: bool = False, actors: Iterable[int] = ()
    ) -> State:
        """State for showing these posts; with `parents` also those that they reply to, as feeds show them.

        `actors`: accounts to be read along (reposters, a list's owner, ...).
        """
        state = self.state(asker)
        wanted = set(keys)
        if wanted:
            await self._posts.read(state, wanted, parents)
        await self._around_posts(state, set(actors), parents)
        return state

    async def rows_of_posts(self, asker: Asker, keys: Iterable[Key]) -> dict[Key, Post]:
        """The posts alone, with nothing that is shown beside them."""
        state = self.state(asker)
        await self._posts.read(state, set(keys), parents=False)
        return state.posts

    async def thread(self, asker: Asker, keys: Iterable[Key], *, anchor: Key | None = None) -> State:
        """State for showing posts in a thread: with which of them the thread's author likes.

        Of `anchor` also those of its likers whom the viewer follows.
        """
        likers = await self._known_likers(asker, anchor) if anchor is not None else []
        state = await self.posts(asker, keys, actors=likers[:_KNOWN_LIKERS])
        if anchor is not None and likers:
            state.known_likers[anchor] = (len(likers), likers[:_KNOWN_LIKERS])
            await self.add_pairs(state, [(anchor[1], liker) for liker in likers[:_KNOWN_LIKERS]])
        await read_root_likes(
            self.database,
            self.book,
            state,
            self.book.of(asker.viewer, asker.version),
            list(state.posts.values()),
        )
        return state

    async def _known_likers(self, asker: Asker, post: Key) -> list[int]:
        if asker.viewer is None:
            return []
        return [row["actor"] for row in await self.database.rows("known_likers", *post, asker.viewer)]

    async def notifications(self, asker: Asker, notices: list[Notice]) -> State:
        """State for showing notifications: their records, authors and the packs that brought followers."""
        posts = [(key, actor) for kind, key, actor in (notice.record for notice in notices) if kind == POST]
        subjects = [notice.subject[2] for notice in notices if notice.subject is not None]
        state = await self.posts(asker, posts, actors=[*(notice.author for notice in notices), *subjects])
        state.edges.update(
            {
                (kind, *edge.key): edge
                for kind in (LIKE, REPOST)
                for edge in await self._edges_of(kind, notices)
            }
        )
        packs = {
            via["uri"]
            for notice in notices
            if notice.edge is not None and notice.edge.kind == FOLLOW and b"starterpack" in notice.edge.record
            for via in (Stored(notice.edge.record).value().get("via"),)
            if isinstance(via, dict) and isinstance(via.get("uri"), str)
        }
        if packs:
            await self._records.add_uris(state, packs)
        kept = {notice.record for notice in notices if notice.record[0] == VERIFICATION}
        await self._records.read(state, kept)
        await self._read_revealed(state)
        await self._labels.read(state, [state.uri(*notice.record) for notice in notices])
        return state

    async def _edges_of(self, kind: int, notices: list[Notice]) -> list[Edge]:
        keys = [
            (key, actor)
            for (of, key, actor), edge in ((notice.record, notice.edge) for notice in notices)
            if of == kind and edge is None
        ]
        return await self.edges.by_key(kind, keys)

    async def feed(self, asker: Asker, items: Iterable[FeedItem], *, actors: Iterable[int] = ()) -> State:
        """State for showing posts and reposts in a feed: with what they reply to, and who reposted them."""
        items = list(items)
        keys = (item.post for item in items)
        reposters = [item.repost[1] for item in items if item.repost is not None]
        await self.keys.learn_rare(item.repost[0] for item in items if item.repost is not None)
        return await self.posts(asker, keys, parents=True, actors=[*reposters, *actors])

    async def _around_posts(self, state: State, actors: set[int], parents: bool) -> None:
        embedded: set[str] = set()
        negative: set[int] = set()
        for post in state.posts.values():
            actors.add(post.actor)
            if post.parent_actor is not None:
                actors.add(post.parent_actor)
            if post.root_actor is not None:
                actors.add(post.root_actor)
            if post.quote_actor is not None:
                actors.add(post.quote_actor)
            elif post.embeds_record:
                uri = embedded_uri(post.record.value())
                if uri is not None:
                    embedded.add(uri)
            if post.threadgate is not None and b"#listRule" in post.threadgate:
                embedded.update(gate_lists(post.threadgate_record.value()))
            if post.rkey < 0:
                negative.add(post.rkey)
        uris = await self.keys.keys_of_uris(embedded)
        state.uris.update(uris)
        records = {key for key in uris.values() if key[0] in EMBEDDED}
        actors.update(actor for _, _, actor in uris.values())
        pairs = {
            (min(post.actor, other), max(post.actor, other))
            for post in state.posts.values()
            for other in third_parties(state, post)
            if other != post.actor
        }
        await asyncio.gather(
            self._accounts.read(state, actors),
            self._accounts.read_pairs(state, pairs),
            self._records.read(state, records),
            self.relations.read_marks(state, list(state.posts)),
            self.keys.learn_rare(negative),
        )
        await self._read_revealed(state)
        await self._labels.read(state, [state.post_uri(key) for key in state.posts])

    # --- accounts ------------------------------------------------------------------------------------------------

    async def profiles(self, asker: Asker, actors: Iterable[int]) -> State:
        """State for showing these accounts as profileView or profileViewBasic."""
        state = self.state(asker)
        await self.add_profiles(state, actors)
        return state

    async def add_profiles(self, state: State, actors: Iterable[int]) -> None:
        """The same into a state that already holds other things."""
        await self._accounts.read(state, set(actors))
        await self._read_revealed(state)
        await self._labels.read(state, [])

    async def profiles_detailed(self, asker: Asker, actors: Iterable[int]) -> State:
        """State for profileViewDetailed: counts, known followers and subscriptions besides."""
        state = self.state(asker)
        wanted = list(dict.fromkeys(actors))
        await self._details.read(state, wanted)
        others = set(wanted)
        pairs: set[tuple[int, int]] = set()
        for ties in state.ties.values():
            others.update(ties.known_followers)
            pairs.update((min(ties.actor, known), max(ties.actor, known)) for known in ties.known_followers)
        await self._accounts.read(state, others)
        await self._accounts.read_pairs(state, pairs)
        packs: set[str] = set()
        for actor in wanted:
            profile = state.actors[actor].profile if actor in state.actors else None
            if profile is not None and profile.holds(b"joinedViaStarterPack"):
                via = profile.value().get("joinedViaStarterPack")
                if isinstance(via, dict) and isinstance(via.get("uri"), str):
                    packs.add(via["uri"])
        if packs:
            await self._records.add_uris(state, packs)
        await self._read_revealed(state)
        await self._labels.read(state, [])
        return state

    async def add_pairs(self, state: State, pairs: Iterable[tuple[int, int]]) -> None:
        """Whether the two accounts of each pair block each other, directly or by a moderation list."""
        await self._accounts.read_pairs(
            state, {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
        )
        await self._read_revealed(state)

    # --- records of other kinds --------------------------------------------------------------------------------------

    async def records(self, asker: Asker, keys: Iterable[RecordKey], actors: Iterable[int] = ()) -> State:
        """State for showing generators, lists, starter packs (basic) and labelers, with their creators."""
        state = self.state(asker)
        await self.add_records(state, keys, actors)
        return state

    async def add_records(self, state: State, keys: Iterable[RecordKey], actors: Iterable[int] = ()) -> None:
        """The same into a state that already holds other things."""
        wanted = set(keys)
        await asyncio.gather(
            self._records.read(state, wanted),
            self._accounts.read(state, {actor for _, _, actor in wanted} | set(actors)),
        )
        await self._read_revealed(state)
        await self._labels.read(state, [])

    # --- what only the answers reveal --------------------------------------------------------------------------------

    async def _read_revealed(self, state: State) -> None:
        """Lists through which relations and blocks hold, and the accounts that verified others."""
        lists: set[RecordKey] = set()
        for relation in state.relations.values():
            if relation.is_plain:
                continue
            for flat in (relation.muted_by_lists, relation.blocking_by_lists, relation.blocked_by_lists):
                lists.update((LIST, *key) for key in list_keys(flat))
        for blocks in state.pair_blocks.values():
            lists.update((LIST, *key) for key in list_keys(blocks.lists))
        actors = {actor for _, _, actor in lists}
        for verifications in state.verifications.values():
            actors.update(verification.issuer for verification in verifications)
        if lists:
            await self._records.read(state, lists)
        if actors:
            await self._accounts.read(state, actors)

    async def labels(self, asker: Asker, subjects: list[str]) -> State:
        """State that holds labels only: those of the asker's labelers on these DIDs and AT-URIs."""
        state = self.state(asker)
        await self._labels.read(state, subjects)
        return state

    async def labelled(
        self, asker: Asker, records: Iterable[RecordKey], actors: Iterable[int]
    ) -> tuple[set[RecordKey], set[int]]:
        """Those of these records and accounts that may have labels for the asker, and those that are not kept."""
        return await self._labels.labelled(asker, records, actors)
