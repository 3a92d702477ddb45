"""The one writer: a batch becomes rows, counts, repository states, drops and the cursor, in one transaction.

Owns the order of the statements within the transaction, and which session has which batch (session.py). Refuses to know
what a record means (records/) and where batches come from. Equal to applying the batch's events one after the other,
whatever the size of batches.

Waves: within a wave deletes run before creates; a record that is deleted after it was created in the same batch is
deleted in
a later wave. Whole-batch questions (do posts violate gates, whom do they notify) are settled before the first wave.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg

from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.batch import decode
from indexer.errors import InvariantBroken, StoreError
from indexer.records.collections import POST
from indexer.records.notices import Notice
from indexer.store.batch import PLACE, WAVE_SHIFT, AccountEvent, StoredBatch
from indexer.store.deltas import NOTICES, ActorCount, Change, Deltas, Detail, PostCount
from indexer.store.edges import EDGES, delete_edges, insert_edges
from indexer.store.pool import store_errors
from indexer.store.posts import judge_posts
from indexer.store.records import apply_records
from indexer.store.session import Session, Staged
from indexer.store.sql import load

_STATUSES = {
    "deactivated": 1,
    "deleted": 2,
    "takendown": 3,
    "suspended": 4,
    "desynchronized": 5,
    "throttled": 6,
}
DELETED = 2
WHOLE = "0/1"
"""The shard of a process that indexes all repositories."""


class Writer:
    """Writes batches, one at a time, over two sessions of its own: while `apply` writes a batch, the next one can be
    staged.

    url: of the database, migrated. shard: this process's share of the accounts, part of the cursor's key. search: leave
    word of changed posts and profiles for the search tables (search_index.py).
    """

    def __init__(self, url: str, *, shard: str = WHOLE, search: bool = True) -> None:
        self._search = search
        self._shard = shard
        self._id = uuid4()
        self._sessions = (Session(url, self._id), Session(url, self._id))
        self._number = 0
        self._unsure: tuple[StoredBatch, int] | None = None

    async def open(self) -> None:
        """Connect and prepare a session (the other one when it is needed).

        Raises StoreError if the database cannot be used or is not migrated, SchemaTooNew if it is too new.
        """
        await self._sessions[0].connected()

    async def rehearse(self) -> None:
        """Let both sessions write nothing, so that Postgres has planned the statements before the first frame comes.

        Raises StoreError as `open` does.
        """
        nothing, accounts = decode([]), AccountTable()
        nothing.unknown(accounts)
        nothing.unknown_paths(accounts)
        nothing.gate(accounts)
        nothing.finish(accounts)
        kinds = {(0, kind) for kind in (*(edge.kind for edge in EDGES), POST)}
        for session in self._sessions:
            with store_errors("cannot prepare the writer's sessions"):
                await session.stage(nothing)
                async with session.writing() as staged:
                    staged.touched.update(kinds)
                    staged.deleted.update(kinds)
                    await _Transaction(staged).run("", self._shard, None, Detail.NONE, search=False)

    async def close(self) -> None:
        """Give the connections up; open transactions are rolled back."""
        for session in self._sessions:
            await session.close()

    async def cursor(self, upstream: str) -> tuple[int, int] | None:
        """Return (sequence number, time in ms) of the last durable event of `upstream`, None if there is none.

        Raises StoreError if the database cannot be asked.
        """
        connection = await self._session_for(None).connected()
        with store_errors("cannot read the cursor"):
            row = await connection.fetchrow(load("cursor_find"), upstream, self._shard)
        return None if row is None else (row[0], row[1])

    async def stage(self, batch: StoredBatch) -> None:
        """Stage the batch that `apply` will be given next, or after the one that it is writing now.

        Never has to succeed: where it does not, `apply` does it again, and tells what the matter is.
        """
        with suppress(StoreError, asyncpg.PostgresError):
            await self._session_for(batch).stage(batch)

    async def apply(
        self, batch: StoredBatch, upstream: str, seq: int | None, *, detail: Detail = Detail.ALL
    ) -> Deltas:
        """Write a finished batch; `seq` is the last event's, None where the upstream has none. Returns what changed,
        in so much `detail`.

        Raises StoreError if the database could not take it, for instance because the connection was lost: the same
        batch can be
        given again, and is never applied twice. Raises InvariantBroken for what no attempt can mend.
        """
        session = self._session_for(batch)
        try:
            with store_errors("cannot write a batch"):
                if not session.holds(batch):
                    if await self._is_durable(session, batch):
                        self._unsure = None
                        return Deltas(complete=False)
                    await session.stage(batch)
                async with session.writing() as staged:
                    deltas = await _Transaction(staged).run(upstream, self._shard, seq, detail, self._search)
                    self._number += 1
                    await staged.connection.execute(load("last_batch_save"), self._id, self._number)
                    await session.written()
                    self._unsure = (batch, self._number)
        except asyncpg.PostgresError as error:
            await session.close()
            raise InvariantBroken(f"the database refused a batch that it should take: {error!r}") from error
        except BaseException:
            await session.close()  # whatever state the session is in, the next attempt starts with a new one
            raise
        self._unsure = None
        return deltas

    def _session_for(self, batch: StoredBatch | None) -> Session:
        """The session that has `batch`, else one that has none."""
        return next(
            session for wanted in (batch, None) for session in self._sessions if session.batch is wanted
        )

    async def _is_durable(self, session: Session, batch: StoredBatch) -> bool:
        """Whether an earlier attempt on `batch`, whose commit was not answered, was committed all the same."""
        if self._unsure is None or self._unsure[0] is not batch:
            return False
        connection = await session.connected()
        number = await connection.fetchval(load("last_batch_find"), self._id)
        if number is None:
            raise StoreError("the session whose commit was not answered is still at it")
        return bool(number == self._unsure[1])


class _Transaction:
    """One staged batch inside its transaction."""

    def __init__(self, staged: Staged) -> None:
        self._staged = staged
        self._connection = staged.connection
        self._batch = staged.batch
        self._waves = range(staged.batch.waves)
        self._touched = staged.touched
        self._deleted = staged.deleted
        self._purges: list[AccountEvent] = []

    async def run(self, upstream: str, shard: str, seq: int | None, detail: Detail, search: bool) -> Deltas:
        connection = self._connection
        if shard != WHOLE:
            await connection.execute(load("shard_turn"))
        statuses = await self._account_events()
        verdicts, notices = await self._judge()
        for wave in self._waves:
            await self._run_wave(wave, verdicts)
        changed, more_notices = await apply_records(
            connection, self._staged.records, [(event.n & PLACE, event.actor) for event in self._purges]
        )
        await self._notify([*notices, *more_notices])
        post_counts: Sequence[Any] = ()
        actor_counts: Sequence[Any] = ()
        changes: Sequence[Any] = ()
        if self._touched or self._deleted:
            if detail is Detail.ALL:
                post_counts = await connection.fetch(load("post_count_save") + load("post_count_returning"))
                actor_counts = await connection.fetch(
                    load("actor_count_save") + load("actor_count_returning")
                )
            else:
                # what has no arguments is planned once only if it is fetched
                await connection.fetch(load("post_count_save"))
                await connection.fetch(load("actor_count_save"))
            if detail is not Detail.NONE:
                changes = await connection.fetch(load("change_list"))
        posts = any(kind == POST for _, kind in self._touched | self._deleted)
        if search and (posts or changed.profiles):
            await connection.execute(load("search_enqueue", post=POST), changed.profiles)
        await self._save_states(upstream, shard, seq, changed.refused)
        return Deltas(
            detail=detail,
            post_counts=[PostCount(*row) for row in post_counts],
            actor_counts=[ActorCount(*row) for row in actor_counts],
            changes=[Change(*row) for row in changes if row[0] != NOTICES],
            profiles=changed.profiles,
            records=changed.records,
            accounts=statuses,
            purged=[event.actor for event in self._purges],
            notified=sorted(
                {notice.recipient for notice in (*notices, *more_notices)}
                | {row["actor"] for row in changes if row[0] == NOTICES}
            ),
        )

    async def _account_events(self) -> list[int]:
        """Save the statuses that the batch's account events set; remember which accounts are deleted.

        An event that is not newer than the one that set the status is passed over: after a move the old host keeps
        sending its own
        (a lesson from production, see the reference's notes on account migration).
        """
        events = self._batch.account_events
        if not events:
            return []
        accounts = sorted({event.actor for event in events})
        since = dict(await self._connection.fetch(load("account_status_find"), accounts))
        statuses: dict[int, int] = {}
        for event in events:
            if event.time <= since[event.actor]:
                continue
            since[event.actor] = event.time
            status = 0 if event.active else _STATUSES.get(event.status or "", 1)
            statuses[event.actor] = status
            if status == DELETED:
                self._purges.append(event)
        await self._connection.execute(
            load("account_status_save"),
            list(statuses),
            list(statuses.values()),
            [since[actor] for actor in statuses],
        )
        if self._purges:
            await self._connection.execute(
                load("purge_stage"),
                [event.actor for event in self._purges],
                [event.n & PLACE for event in self._purges],
            )
            await self._connection.execute(
                load("account_forget_notices"), [event.actor for event in self._purges]
            )
        return list(statuses)

    async def _judge(self) -> tuple[bytes, list[Notice]]:
        mentions = {
            relation.n & PLACE: relation.mentions
            for wave in self._waves
            for relation in (self._batch.post_relations(wave) if (wave, POST) in self._touched else ())
        }
        return await judge_posts(
            self._connection,
            self._staged.posts,
            mentions=mentions,
            record_ops=self._staged.record_ops,
            purges=[(event.n & PLACE, event.actor) for event in self._purges],
            deletes=any(kind == POST for _, kind in self._deleted),
            meanwhile=load("repo_save"),
        )

    async def _run_wave(self, wave: int, verdicts: bytes) -> None:
        connection = self._connection
        first, last = wave << WAVE_SHIFT, (wave + 1) << WAVE_SHIFT
        purges = [event for event in self._purges if event.n >> WAVE_SHIFT == wave]
        for event in purges:
            await connection.execute(load("account_unstage"), event.actor, first, last)
            await connection.execute(load("account_expand"), event.actor, event.n)
            await connection.execute(load("account_forget_own_notices"), event.actor)
        for edge in EDGES:
            if purges or (wave, edge.kind) in self._deleted:
                await delete_edges(connection, edge, first, last)
        if purges or (wave, POST) in self._deleted:
            await connection.execute(load("post_delete"), first, last)
        if (wave, POST) in self._touched:
            await connection.execute(load("post_insert"), first, last, verdicts)
            await connection.execute(load("post_lean_likes"), first, last, verdicts)
            await connection.execute(load("post_lean_reposts"), first, last, verdicts)
        for edge in EDGES:
            if (wave, edge.kind) in self._touched:
                await insert_edges(connection, edge, first, last)
        if purges:
            self._deleted.add((wave, POST))

    async def _notify(self, notices: Sequence[Notice]) -> None:
        if notices:
            await self._connection.execute(
                load("notification_insert"), *(list(column) for column in zip(*notices, strict=True))
            )

    async def _save_states(
        self, upstream: str, shard: str, seq: int | None, refused: Sequence[tuple[int, str, int]]
    ) -> None:
        connection, batch = self._connection, self._batch
        if states := batch.repo_states:
            await connection.execute(
                load("repo_state_save"), [actor for actor, _ in states], [state for _, state in states]
            )
        if firsts := batch.first_events:
            await connection.execute(
                load("actor_first_event"), [actor for actor, _ in firsts], [time for _, time in firsts]
            )
        await self._save_drops(refused)
        if batch.identities:
            await connection.execute(
                load("identity_event"), sorted({event.actor for event in batch.identities})
            )
        if seq is not None:
            await connection.execute(load("cursor_save"), upstream, shard, seq, batch.last_time)

    async def _save_drops(self, refused: Sequence[tuple[int, str, int]]) -> None:
        # what was applied before has left its trace then: replaying changes no table (rule 2)
        drops = [(d.reason, d.actor, d.detail, d.time) for d in self._batch.drops if d.reason != "replayed"]
        drops += [("record_invalid", *drop) for drop in refused]
        dropped: dict[tuple[str, int], tuple[int, int, str]] = {}
        for reason, actor, detail, time in drops:
            count, last_at, last = dropped.get((reason, actor), (0, time, ""))
            if time >= last_at:
                last_at, last = time, detail.replace("\0", "")
            dropped[reason, actor] = (count + 1, last_at, last)
        if dropped:
            await self._connection.execute(
                load("dropped_save"),
                [reason for reason, _ in dropped],
                [actor for _, actor in dropped],
                *(list(column) for column in zip(*dropped.values(), strict=True)),
            )
