"""Labels, as the asker's labelers put them on accounts, posts and records, and what the operator took down."""

from __future__ import annotations

from collections.abc import Iterable

from indexer.hydration.rows import ABSENT, RowBook
from indexer.hydration.state import Actor, Asker, Label, RecordKey, State
from indexer.store.reads.database import Database
from indexer.store.reads.keys import KeyBook


class Labels:
    """Reads them; they are never kept. `moderator`: the DID in whose name the operator takes records down, None where
    there is no operator.
    """

    def __init__(self, database: Database, keys: KeyBook, book: RowBook, moderator: str | None) -> None:
        self._database = database
        self._keys = keys
        self._book = book
        self._moderator = moderator

    async def labelled(
        self, asker: Asker, records: Iterable[RecordKey], actors: Iterable[int]
    ) -> tuple[set[RecordKey], set[int]]:
        """Those of these records and accounts that may have labels for the asker, and those that are not kept."""
        book = self._book
        of_records: dict[str, RecordKey] = {}
        of_actors: dict[str, int] = {}
        unknown_records: set[RecordKey] = set()
        unknown_actors: set[int] = set()
        for actor in actors:
            row = book.actors.get(actor)
            if row is None or row is ABSENT:
                unknown_actors.add(actor)
            else:
                of_actors.update(dict.fromkeys(_subjects_of(row), actor))
        for record in records:
            kind, key, actor = record
            row = book.actors.get(actor)
            if row is None or row is ABSENT or key < 0:
                unknown_records.add(record)
            else:
                of_records[f"at://{row.did}/{self._keys.path(kind, key)}"] = record
        rows = await self._database.rows(
            "labels", [*of_records, *of_actors], list(asker.labelers), self._moderator
        )
        found = {row["uri"] for row in rows}
        return (
            unknown_records | {record for uri, record in of_records.items() if uri in found},
            unknown_actors | {actor for uri, actor in of_actors.items() if uri in found},
        )

    async def read(self, state: State, uris: list[str]) -> None:
        """Labels on these URIs and on every account and record of the state; records that were taken down leave it."""
        if not state.asker.labelers and self._moderator is None:
            return
        subjects = list(uris)
        for actor in state.actors.values():
            subjects += _subjects_of(actor)
        for kind, key, owner in state.records:
            if owner in state.actors:
                subjects.append(state.uri(kind, key, owner))
        rows = await self._database.rows("labels", subjects, list(state.asker.labelers), self._moderator)
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
