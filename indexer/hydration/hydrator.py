"""Reads what a page needs, each kind of thing once.

The order is always the same: posts (with what surrounds them, in one question), then, at once, the accounts, blocks
between third parties, embedded records and labels that these posts name, then the few things that only the answers
reveal (lists through which somebody is muted or blocked, the accounts of verifiers).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from indexer.cache.counts import CountReader
from indexer.hydration.counts import POSTS, PageCounts
from indexer.hydration.details import ProfileDetails
from indexer.hydration.fragments import Fragments
from indexer.hydration.links import Links
from indexer.hydration.own import Own
from indexer.hydration.rows import (
    ABSENT,
    RowBook,
    ViewerRows,
    counts_subject,
    pair_subjects,
    relation_subjects,
    room_of,
)
from indexer.hydration.state import (
    Actor,
    Asker,
    Label,
    ListState,
    PairBlocks,
    Post,
    PostMarks,
    Record,
    Relation,
    State,
    Stored,
    Verification,
    list_keys,
)
from indexer.hydration.threads import read_root_likes
from indexer.records.collections import (
    FOLLOW,
    GENERATOR,
    LABELER_SERVICE,
    LIKE,
    LIST,
    NSIDS,
    POST,
    REPOST,
    STARTER_PACK,
    VERIFICATION,
)
from indexer.store.reads.database import Database
from indexer.store.reads.edges import Edge, Edges
from indexer.store.reads.feeds import FeedItem
from indexer.store.reads.keys import Key, KeyBook, RecordKey, split_uri
from indexer.store.reads.notices import Notice

#: Collections whose records are embedded in posts beside posts themselves.
_EMBEDDED = frozenset({GENERATOR, LIST, LABELER_SERVICE, STARTER_PACK})

#: How many of the likers whom the viewer follows are shown.
_KNOWN_LIKERS = 3

#: Collections that are liked like posts; their likes are counted under an interned key.
_LIKED = frozenset({GENERATOR, LIST, LABELER_SERVICE})


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
        self._trusted_dids = tuple(trusted_verifiers)
        self._moderator = moderator
        self.book = book or RowBook()
        self._counts = counts
        self._own = Own(database, keys)
        self._details = ProfileDetails(database, self.book, self._own, counts)

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
            await self._read_posts(state, wanted, parents)
        await self._around_posts(state, set(actors), parents)
        return state

    async def rows_of_posts(self, asker: Asker, keys: Iterable[Key]) -> dict[Key, Post]:
        """The posts alone, with nothing that is shown beside them."""
        state = self.state(asker)
        await self._read_posts(state, set(keys), parents=False)
        return state.posts

    async def _read_posts(self, state: State, wanted: set[Key], parents: bool) -> None:
        kept = self.kept(state)
        missing = wanted if kept is None else _add_kept(state, kept, wanted, parents)
        if not missing:
            return
        token = self.book.messages
        ordered = list(missing)
        counts = PageCounts(self.database, None if kept is None else self._counts, POSTS)
        rows, _ = await asyncio.gather(
            self.database.rows(
                "posts", [key for key, _ in ordered], [actor for _, actor in ordered], parents
            ),
            counts.look_up(ordered),
        )
        posts = [Post(*row) for row in rows]
        counted = await counts.of([post.key for post in posts])
        for post in posts:
            post.likes, post.reposts, post.replies, post.quotes = counted[post.key]
            state.posts[post.key] = post
            if kept is not None:
                subjects = (post.key, counts_subject(post.key))
                kept.book.posts.put(post.key, post, token, subjects, room_of(post.record_bytes))
        if kept is not None:
            # what was asked for and did not come is not there
            for key in _add_kept(state, kept, wanted, parents):
                kept.book.posts.put(key, None, token, (key,))

    def kept(self, state: State) -> ViewerRows | None:
        """What is kept for the asker; None where nothing kept may be used."""
        return self.book.of(state.viewer, state.asker.version)

    async def read_marks(self, state: State, keys: Collection[Key]) -> None:
        """Add what the viewer has put on these posts; posts that were not read may be left out."""
        viewer = state.viewer
        if viewer is None or not keys:
            return
        kept = self.kept(state)
        own = None if kept is None else await self._own.marks(kept, viewer)
        if own is not None and not own.muted_threads:
            state.marks.update((key, mark) for key in keys if (mark := own.of_key(key)) is not None)
            return
        token = self.book.messages
        wanted: list[Post] = []
        for key in keys:
            row = ABSENT if kept is None else kept.marks.get(key)
            if row is ABSENT:
                post = state.posts.get(key) or (None if kept is None else kept.book.posts.get(key))
                if isinstance(post, Post):
                    wanted.append(post)
            elif row is not None:
                state.marks[key] = row
        if not wanted:
            return
        if kept is not None and own is not None:
            for post in wanted:
                mark = own.on(post)
                kept.marks.put(post.key, mark, token, (post.key,))
                if mark is not None:
                    state.marks[post.key] = mark
            return
        roots = [post.root for post in wanted]
        rows = await self.database.rows(
            "post_marks",
            [post.rkey for post in wanted],
            [post.actor for post in wanted],
            [key for key, _ in roots],
            [actor for _, actor in roots],
            viewer,
        )
        await self.keys.learn_rare(
            key for row in rows for key in (row["like"], row["repost"]) if key is not None
        )
        found = {(row["rkey"], row["actor"]): PostMarks(*row) for row in rows}
        state.marks.update(found)
        if kept is not None:
            for post in wanted:
                kept.marks.put(post.key, found.get(post.key), token, (post.key,))

    async def read_relations(self, state: State, actors: Iterable[int]) -> None:
        """Add how the viewer and these accounts stand to one another."""
        viewer = state.viewer
        if viewer is None:
            return
        wanted = [actor for actor in actors if actor != viewer and actor not in state.relations]
        kept = self.kept(state)
        if kept is not None:
            wanted = await self._add_kept_relations(state, kept, viewer, wanted)
        if not wanted:
            return
        token = self.book.messages
        negative: set[int] = set()
        for found in await self.database.rows("relations", wanted, viewer):
            relation = Relation(*found)
            state.relations[relation.actor] = relation
            for key in (relation.blocking, relation.blocked_by, relation.following, relation.followed_by):
                if key is not None and key < 0:
                    negative.add(key)
            if kept is not None:
                subjects = relation_subjects(viewer, relation.actor, relation.list_owners)
                kept.relations.put(relation.actor, relation, token, subjects)
        await self.keys.learn_rare(negative)

    async def _add_kept_relations(
        self, state: State, kept: ViewerRows, viewer: int, wanted: list[int]
    ) -> list[int]:
        """Add what is kept of the viewer's relations; the accounts to which they have to be asked for."""
        missing = []
        for actor in wanted:
            row = kept.relations.get(actor)
            if row is None or row is ABSENT:
                missing.append(actor)
            else:
                state.relations[actor] = row
        own = await self._own.relations(kept, viewer) if missing else None
        if own is None:
            return missing
        unknown = []
        for actor in missing:
            relation = own.relation(kept, actor)
            if relation is None:
                unknown.append(actor)
            else:
                state.relations[actor] = relation
                kept.relations.put(actor, relation, own.token, relation_subjects(viewer, actor, ()))
        return unknown

    async def thread(self, asker: Asker, keys: Iterable[Key], *, anchor: Key | None = None) -> State:
        """State for showing posts in a thread: with which of them the thread's author likes.

        Of `anchor` also those of its likers whom the viewer follows.
        """
        likers = await self._known_likers(asker, anchor) if anchor is not None else []
        state = await self.posts(asker, keys, actors=likers[:_KNOWN_LIKERS])
        if anchor is not None and likers:
            state.known_likers[anchor] = (len(likers), likers[:_KNOWN_LIKERS])
            await self.add_pairs(state, [(anchor[1], liker) for liker in likers[:_KNOWN_LIKERS]])
        await read_root_likes(self.database, self.book, state, self.kept(state), list(state.posts.values()))
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
            await self._add_uris(state, packs)
        kept = {notice.record for notice in notices if notice.record[0] == VERIFICATION}
        await self._read_records(state, kept)
        await self._read_revealed(state)
        await self._read_labels(state, [state.uri(*notice.record) for notice in notices])
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
        records = {key for key in uris.values() if key[0] in _EMBEDDED}
        actors.update(actor for _, _, actor in uris.values())
        pairs = {
            (min(post.actor, other), max(post.actor, other))
            for post in state.posts.values()
            for other in self._third_parties(state, post)
            if other != post.actor
        }
        await asyncio.gather(
            self._read_actors(state, actors),
            self._read_pairs(state, pairs),
            self._read_records(state, records),
            self.read_marks(state, list(state.posts)),
            self.keys.learn_rare(negative),
        )
        await self._read_revealed(state)
        await self._read_labels(state, [state.post_uri(key) for key in state.posts])

    @staticmethod
    def _third_parties(state: State, post: Post) -> Iterable[int]:
        if post.parent_actor is not None:
            yield post.parent_actor
        if post.root_actor is not None:
            yield post.root_actor
        if post.quote_actor is not None:
            yield post.quote_actor
        elif state.uris and post.embeds_record:
            key = state.uris.get(embedded_uri(post.record.value()) or "")
            if key is not None:
                yield key[2]

    # --- accounts ------------------------------------------------------------------------------------------------

    async def profiles(self, asker: Asker, actors: Iterable[int]) -> State:
        """State for showing these accounts as profileView or profileViewBasic."""
        state = self.state(asker)
        await self.add_profiles(state, actors)
        return state

    async def add_profiles(self, state: State, actors: Iterable[int]) -> None:
        """The same into a state that already holds other things."""
        await self._read_actors(state, set(actors))
        await self._read_revealed(state)
        await self._read_labels(state, [])

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
        await self._read_actors(state, others)
        await self._read_pairs(state, pairs)
        packs: set[str] = set()
        for actor in wanted:
            profile = state.actors[actor].profile if actor in state.actors else None
            if profile is not None and profile.holds(b"joinedViaStarterPack"):
                via = profile.value().get("joinedViaStarterPack")
                if isinstance(via, dict) and isinstance(via.get("uri"), str):
                    packs.add(via["uri"])
        if packs:
            await self._add_uris(state, packs)
        await self._read_revealed(state)
        await self._read_labels(state, [])
        return state

    async def _read_actors(self, state: State, actors: set[int]) -> None:
        """Accounts, and how the viewer stands to them."""
        added = [actor for actor in actors if actor not in state.actors]
        kept = self.kept(state)
        wanted = added if kept is None else _add_kept_actors(state, kept, added)
        if wanted or (added and self._trusted_dids):
            await asyncio.gather(
                self._read_accounts(state, kept, added, wanted), self.read_relations(state, added)
            )
        elif added:  # with nothing to wait for, tasks would take most of the time
            await self.read_relations(state, added)

    async def _read_accounts(
        self, state: State, kept: ViewerRows | None, added: list[int], wanted: list[int]
    ) -> None:
        if wanted:
            token = self.book.messages
            for row in await self.database.rows("actors", wanted):
                actor = Actor(*row)
                state.actors[actor.id] = actor
                self.keys.remember(actor.did, actor.id)
                if kept is not None:
                    kept.book.actors.put(actor.id, actor, token, (actor.id,), room_of(actor.profile_record))
        if self._trusted_dids:
            await self._read_verifications(state, added)

    async def _read_verifications(self, state: State, actors: list[int]) -> None:
        trusted = await self.keys.ids_of_dids(self._trusted_dids)
        state.trusted_verifiers = frozenset(trusted.values())
        rows = await self.database.rows("verifications", actors, list(trusted.values()))
        await self.keys.learn_rare(row["key"] for row in rows)
        for row in rows:
            verification = Verification(*row)
            state.verifications.setdefault(verification.subject, []).append(verification)

    # --- blocks between third parties ------------------------------------------------------------------------------

    async def add_pairs(self, state: State, pairs: Iterable[tuple[int, int]]) -> None:
        """Whether the two accounts of each pair block each other, directly or by a moderation list."""
        await self._read_pairs(state, {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
        await self._read_revealed(state)

    async def _read_pairs(self, state: State, pairs: set[tuple[int, int]]) -> None:
        wanted = [pair for pair in pairs if pair not in state.pair_blocks]
        if not wanted:
            return
        kept = self.kept(state)
        if kept is not None:
            for pair in wanted:
                found = kept.book.pairs.get(pair)
                if found is not None and found is not ABSENT:
                    state.pair_blocks[pair] = found
            wanted = [pair for pair in wanted if pair not in state.pair_blocks]
            if not wanted:
                return
        token = self.book.messages
        rows = await self.database.rows(
            "blocks_between", [one for one, _ in wanted], [other for _, other in wanted]
        )
        for row in rows:
            blocks = PairBlocks(*row)
            pair = (blocks.one, blocks.other)
            state.pair_blocks[pair] = blocks
            if kept is not None:
                kept.book.pairs.put(pair, blocks, token, pair_subjects(pair, blocks.list_owners))

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
            self._read_records(state, wanted),
            self._read_actors(state, {actor for _, _, actor in wanted} | set(actors)),
        )
        await self._read_revealed(state)
        await self._read_labels(state, [])

    async def _add_uris(self, state: State, uris: set[str]) -> None:
        found = await self.keys.keys_of_uris(uris)
        state.uris.update(found)
        wanted = {key for key in found.values() if key[0] in _EMBEDDED}
        await asyncio.gather(
            self._read_records(state, wanted),
            self._read_actors(state, {actor for _, _, actor in wanted}),
        )

    async def _read_records(self, state: State, keys: set[RecordKey]) -> None:
        wanted = [key for key in keys if key not in state.records]
        if not wanted:
            return
        await self.keys.learn_rare(key for _, key, _ in wanted)
        like_keys = await self._like_keys(wanted)
        lists = [(key, actor) for kind, key, actor in wanted if kind == LIST]
        packs = [(key, actor) for kind, key, actor in wanted if kind == STARTER_PACK]
        rows, _, _ = await asyncio.gather(
            self.database.rows(
                "records",
                [kind for kind, _, _ in wanted],
                [key for _, key, _ in wanted],
                [actor for _, _, actor in wanted],
                [like_keys.get(key) for key in wanted],
                state.viewer,
            ),
            self._read_list_states(state, lists),
            self._read_pack_joins(state, packs),
        )
        await self.keys.learn_rare(row["viewer_like"] for row in rows if row["viewer_like"] is not None)
        for row in rows:
            record = Record(*row)
            state.records[(record.kind, record.key, record.actor)] = record

    async def _like_keys(self, keys: list[RecordKey]) -> dict[RecordKey, int]:
        """The key under which likes of these records name them: that of a post would stand for a post."""
        paths = {key: f"{NSIDS[key[0]]}/{self.keys.rkey(key[1])}" for key in keys if key[0] in _LIKED}
        rare = await self.keys.rare_keys(set(paths.values()))
        return {key: rare[path] for key, path in paths.items() if path in rare}

    async def _read_list_states(self, state: State, lists: list[Key]) -> None:
        if not lists:
            return
        rows = await self.database.rows(
            "list_states", [key for key, _ in lists], [actor for _, actor in lists], state.viewer
        )
        await self.keys.learn_rare(row["blocked"] for row in rows if row["blocked"] is not None)
        for row in rows:
            found = ListState(*row)
            state.lists[(found.key, found.actor)] = found

    async def _read_pack_joins(self, state: State, packs: list[Key]) -> None:
        if not packs:
            return
        rows = await self.database.rows(
            "pack_joins", [key for key, _ in packs], [actor for _, actor in packs]
        )
        for row in rows:
            state.pack_joins[(row["key"], row["actor"])] = (row["all_time"], row["week"])

    # --- what only the answers reveal --------------------------------------------------------------------------------

    async def _read_revealed(self, state: State) -> None:
        """Lists through which relations and blocks hold, and the accounts that verified others."""
        lists: set[RecordKey] = set()
        for relation in state.relations.values():
            for flat in (relation.muted_by_lists, relation.blocking_by_lists, relation.blocked_by_lists):
                lists.update((LIST, *key) for key in list_keys(flat))
        for blocks in state.pair_blocks.values():
            lists.update((LIST, *key) for key in list_keys(blocks.lists))
        actors = {actor for _, _, actor in lists}
        for verifications in state.verifications.values():
            actors.update(verification.issuer for verification in verifications)
        await self._read_records(state, lists)
        await self._read_actors(state, actors)

    async def labels(self, asker: Asker, subjects: list[str]) -> State:
        """State that holds labels only: those of the asker's labelers on these DIDs and AT-URIs."""
        state = self.state(asker)
        await self._read_labels(state, subjects)
        return state

    async def labelled(
        self, asker: Asker, posts: Iterable[Key], actors: Iterable[int]
    ) -> tuple[set[Key], set[int]]:
        """Those of these posts and accounts that may have labels for the asker, and those that are not kept."""
        book = self.book
        of_posts: dict[str, Key] = {}
        of_actors: dict[str, int] = {}
        unknown_posts: set[Key] = set()
        unknown_actors: set[int] = set()
        for actor in actors:
            row = book.actors.get(actor)
            if row is None or row is ABSENT:
                unknown_actors.add(actor)
            else:
                of_actors.update(dict.fromkeys(_subjects_of(row), actor))
        for key in posts:
            row = book.actors.get(key[1])
            if row is None or row is ABSENT or key[0] < 0:
                unknown_posts.add(key)
            else:
                of_posts[f"at://{row.did}/{self.keys.path(POST, key[0])}"] = key
        rows = await self.database.rows(
            "labels", [*of_posts, *of_actors], list(asker.labelers), self._moderator
        )
        found = {row["uri"] for row in rows}
        return (
            unknown_posts | {key for uri, key in of_posts.items() if uri in found},
            unknown_actors | {actor for uri, actor in of_actors.items() if uri in found},
        )

    async def _read_labels(self, state: State, uris: list[str]) -> None:
        if not state.asker.labelers and self._moderator is None:
            return
        subjects = list(uris)
        for actor in state.actors.values():
            subjects += _subjects_of(actor)
        for kind, key, owner in state.records:
            if owner in state.actors:
                subjects.append(state.uri(kind, key, owner))
        rows = await self.database.rows("labels", subjects, list(state.asker.labelers), self._moderator)
        for row in rows:
            label = Label(*row)
            state.labels.setdefault(label.uri, []).append(label)
        if not state.asker.include_takedowns:
            gone = {row["uri"] for row in rows if row["src"] == self._moderator}
            for record in [key for key in state.records if gone and state.uri(*key) in gone]:
                del state.records[record]


def _subjects_of(actor: Actor) -> tuple[str, ...]:
    """What labels on an account may be about."""
    return (
        actor.did,
        f"at://{actor.did}/app.bsky.actor.profile/self",
        f"at://{actor.did}/app.bsky.actor.status/self",
    )


def embedded_uri(record: dict[str, Any]) -> str | None:
    """The AT-URI of the record that a post's record embeds, alone or beside media."""
    embed = record.get("embed")
    if not isinstance(embed, dict):
        return None
    kind = embed.get("$type")
    if kind == "app.bsky.embed.recordWithMedia":
        embed = embed.get("record")
    elif kind != "app.bsky.embed.record":
        return None
    reference = embed.get("record") if isinstance(embed, dict) else None
    uri = reference.get("uri") if isinstance(reference, dict) else None
    return uri if isinstance(uri, str) and split_uri(uri) is not None else None


def gate_lists(gate: dict[str, Any]) -> list[str]:
    """The AT-URIs of the lists whose members a threadgate lets reply."""
    return [
        rule["list"]
        for rule in gate.get("allow") or ()
        if isinstance(rule, dict)
        and rule.get("$type") == "app.bsky.feed.threadgate#listRule"
        and "list" in rule
    ]


def _add_kept(state: State, kept: ViewerRows, wanted: set[Key], parents: bool) -> set[Key]:
    """Add the kept rows among what posts.sql would give for `wanted`; the keys that have to be read.

    The same walk as that statement's: roots (and parents), their roots, and what any of them quotes, two levels deep.
    """
    missing: set[Key] = set()

    def posts(keys: Iterable[Key | None]) -> list[Post]:
        found = []
        for key in keys:
            if key is None:
                continue
            post = state.posts.get(key)
            if post is None:
                row = kept.book.posts.get(key)
                if row is ABSENT:
                    missing.add(key)
                    continue
                if row is None:
                    continue
                state.posts[key] = post = row
            found.append(post)
        return found

    asked = posts(wanted)
    above = posts(post.root for post in asked if post.root_key is not None)
    if parents:
        above += posts(post.parent for post in asked)
    posts(post.root for post in above if post.root_key is not None)
    quoted = posts(post.quote for post in [*asked, *above])
    posts(post.quote for post in quoted)
    return missing


def _add_kept_actors(state: State, kept: ViewerRows, wanted: list[int]) -> list[int]:
    """Add the kept rows of accounts; the ids that have to be read."""
    missing = []
    for actor in wanted:
        row = kept.book.actors.get(actor)
        if row is ABSENT:
            missing.append(actor)
        elif row is not None:
            state.actors[actor] = row
    return missing
