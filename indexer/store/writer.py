"""The one writer: a batch becomes rows, counts, repository states, drops and the cursor, in one transaction.

Owns the order of the statements within the transaction, and which session has which batch (session.py). Refuses to know
what a record means (records/) and where batches come from. Equal to applying the batch's events one after the other,
whatever the size of batches.

Waves: within a wave deletes run before creates; a record that is deleted after it was created in the same batch is
deleted in
a later wave. Whole-batch questions (do posts violate gates, whom do they notify) are settled before the first wave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg

from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.batch import decode
from indexer.errors import InvariantBroken, StoreError
from indexer.records.collections import POST
from indexer.records.notices import Notice
from indexer.store.batch import PLACE, WAVE_SHIFT, AccountEvent, StoredBatch
from indexer.store.beside import beside
from indexer.store.deltas import NOTICES, ActorCount, Change, Deltas, Detail, PostCount
from indexer.store.edges import EDGES
from indexer.store.pool import store_errors
from indexer.store.posts import judge_posts
from indexer.store.records import ChangedRecords, RecordTables
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
                    await _Transaction(staged).run(_Place("", self._shard, None), Detail.NONE, search=False)

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
                self._number += 1
                place = _Place(upstream, self._shard, seq, self._id, self._number)
                async with session.writing() as staged:
                    deltas = await _Transaction(staged).run(place, detail, self._search)
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


class _Place(NamedTuple):
    """Where a batch stands: in its upstream's stream (`seq` of its last event; None keeps no cursor), and among the
    writer's batches (None: it is none of them).
    """

    upstream: str
    shard: str
    seq: int | None
    writer: UUID | None = None
    number: int | None = None


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

    async def run(self, place: _Place, detail: Detail, search: bool) -> Deltas:
        connection = self._connection
        if place.shard != WHOLE:
            await connection.execute(load("shard_turn"))
        statuses = await self._account_events()
        verdicts, notices = await self._judge()
        purges = [(event.n & PLACE, event.actor) for event in self._purges]
        records = RecordTables(connection, self._staged.records, purges)
        await records.read()
        await self._run_waves(verdicts, records.play)
        changed, more_notices = await records.write()
        await self._notify([*notices, *more_notices])
        post_counts: Sequence[Any] = ()
        actor_counts: Sequence[Any] = ()
        changes: Sequence[Any] = ()
        counts = bool(self._touched or self._deleted)
        if counts and detail is Detail.ALL:
            post_counts = await connection.fetch(load("post_count_save") + load("post_count_returning"))
            actor_counts = await connection.fetch(load("actor_count_save") + load("actor_count_returning"))
        if counts and detail is not Detail.NONE:
            changes = await connection.fetch(load("change_list"))
        posts = any(kind == POST for _, kind in self._touched | self._deleted)
        await self._end(
            place,
            counts=counts and detail is not Detail.ALL,
            search=search and bool(posts or changed.profiles),
            changed=changed,
        )
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

    async def _run_waves(self, verdicts: bytes, meanwhile: Callable[[], None]) -> None:
        """Write edges and posts; `meanwhile`: what Python has to do in the meantime."""
        for wave in self._waves:
            await self._run_wave(wave, verdicts, meanwhile)
            meanwhile = _nothing
        meanwhile()

    async def _run_wave(self, wave: int, verdicts: bytes, meanwhile: Callable[[], None]) -> None:
        connection = self._connection
        first, last = wave << WAVE_SHIFT, (wave + 1) << WAVE_SHIFT
        purges = [event for event in self._purges if event.n >> WAVE_SHIFT == wave]
        for event in purges:
            await connection.execute(load("account_unstage"), event.actor, first, last)
            await connection.execute(load("account_expand"), event.actor, event.n)
            await connection.execute(load("account_forget_own_notices"), event.actor)
        everything = [*(edge.kind for edge in EDGES), POST]
        deleted = everything if purges else [kind for kind in everything if (wave, kind) in self._deleted]
        touched = [kind for kind in everything if (wave, kind) in self._touched]
        if deleted or touched:
            await beside(
                connection.fetch(load("wave_write"), first, last, verdicts, deleted, touched), meanwhile
            )
        else:
            meanwhile()
        if purges:
            self._deleted.add((wave, POST))

    async def _notify(self, notices: Sequence[Notice]) -> None:
        if notices:
            await self._connection.execute(
                load("notification_insert"), *(list(column) for column in zip(*notices, strict=True))
            )

    async def _end(self, place: _Place, *, counts: bool, search: bool, changed: ChangedRecords) -> None:
        """Write what a batch leaves beside its rows: `counts`, unless they were written, word for the search tables
        where `search` says so, states, drops and cursor.
        """
        batch = self._batch
        await self._connection.fetch(
            load("batch_end_write"),
            counts,
            search,
            changed.profiles,
            *_columns(2, batch.repo_states),
            *_columns(2, batch.first_events),
            *_columns(5, self._drops(changed.refused)),
            sorted({event.actor for event in batch.identities}),
            place.upstream,
            place.shard,
            place.seq,
            batch.last_time,
            place.writer,
            place.number,
        )

    def _drops(self, refused: Sequence[tuple[int, str, int]]) -> list[tuple[str, int, int, int, str]]:
        """What was refused: reason, account, how often, when for the last time (ms), and what it was then."""
        # what was applied before has left its trace then: replaying changes no table (rule 2)
        drops = [(d.reason, d.actor, d.detail, d.time) for d in self._batch.drops if d.reason != "replayed"]
        drops += [("record_invalid", *drop) for drop in refused]
        dropped: dict[tuple[str, int], tuple[int, int, str]] = {}
        for reason, actor, detail, time in drops:
            count, last_at, last = dropped.get((reason, actor), (0, time, ""))
            if time >= last_at:
                last_at, last = time, detail.replace("\0", "")
            dropped[reason, actor] = (count + 1, last_at, last)
        return [(*of_whom, *values) for of_whom, values in dropped.items()]


def _nothing() -> None:
    pass


def _columns(count: int, rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """The `count` columns of `rows`."""
    return list(map(list, zip(*rows, strict=True))) if rows else [[] for _ in range(count)]
