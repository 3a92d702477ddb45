"""A finished batch described as the oracle describes it: ids and keys turned back into DIDs and paths."""

from __future__ import annotations

from collections import Counter
from typing import Any

from indexer._fastpath.batch import Batch
from indexer.records.collections import NSIDS
from tests.batch.oracle import Operation, tid
from tests.batch.support import Row, Store, copy_rows

POST = NSIDS[5]


class Names:
    """The other way round: ids to DIDs, negative keys to paths."""

    def __init__(self, store: Store) -> None:
        self.dids = {number: did for did, number in store.ids.items()}
        self.paths = {number: path for path, number in store.paths.items()}

    def path(self, home: str, key: bytes | None) -> str:
        number = number_of(key)
        return f"{home}/{tid(number)}" if number > 0 else self.paths[number]

    def did(self, actor: bytes | None) -> str:
        return self.dids[number_of(actor)]

    def uri(self, home: str, key: bytes | None, actor: bytes | None) -> str | None:
        return None if actor is None else f"at://{self.did(actor)}/{self.path(home, key)}"


def number_of(column: bytes | None) -> int:
    assert column is not None
    return int.from_bytes(column, "big", signed=True)


def described(batch: Batch, store: Store) -> list[Operation]:
    """All operations of a batch, in order of n; an update's two halves are one."""
    names = Names(store)
    found: dict[int, Operation] = {}
    for wave in range(batch.waves):
        deletes: dict[int, Operation] = {}
        for row in copy_rows(batch.copy_deletes(wave)):
            kind = number_of(row[1])
            deletes[number_of(row[0])] = Operation(
                names.did(row[3]),
                names.path(NSIDS[kind], row[2]),
                "update" if row[4] == b"\x01" else "delete",
                kind,
                (),
            )
        for kind in (1, 2, 3, 4):
            rows = list(copy_rows(batch.copy_edges(kind, wave)))
            if kind in (1, 2):
                check_order(rows)
            for row in rows:
                take(found, deletes, row, Operation(*edge_of(names, kind, row)))
        for row in copy_rows(batch.copy_posts(wave)):
            did, path = names.did(row[2]), names.path(POST, row[1])
            columns: tuple[Any, ...] = (
                number_of(row[3]),
                number_of(row[4]),
                names.uri(POST, row[5], row[6]),
                names.uri(POST, row[7], row[8]),
                names.uri(POST, row[9], row[10]),
                number_of(row[11]),
                row[12],
                row[13],
            )
            take(found, deletes, row, Operation(did, path, "create", 5, columns))
        for op in batch.record_ops(wave):
            path = f"{NSIDS[op.kind]}/{op.rkey}"
            if op.action == "delete":
                found[op.n] = Operation(op.did, path, "delete", op.kind, ())
            else:
                found[op.n] = Operation(op.did, path, op.action, op.kind, (op.indexed_at, op.cid, op.record))
            assert names.dids[op.actor] == op.did
        for n, delete in deletes.items():
            assert n not in found
            assert delete.action == "delete"
            found[n] = delete
    return [operation for _, operation in sorted(found.items(), key=lambda item: item[0] & 0xFFFFFF)]


def check_order(rows: list[Row]) -> None:
    """Likes and reposts come in the order of their subjects and say where an account has the same subject twice."""
    places = [(*(number_of(row[column]) for column in (3, 4, 2)), number_of(row[0])) for row in rows]
    assert places == sorted(places)
    times = Counter(place[:3] for place in places)
    for place, row in zip(places, rows, strict=True):
        assert row[12] == (b"\x01" if times[place[:3]] > 1 else b"\x00")


def take(found: dict[int, Operation], deletes: dict[int, Operation], row: Row, operation: Operation) -> None:
    n = number_of(row[0])
    assert n not in found
    if row[-1] == b"\x01":
        half = deletes.pop(n)
        assert half == operation._replace(action="update", columns=())
        operation = operation._replace(action="update")
    found[n] = operation


def edge_of(names: Names, kind: int, row: Row) -> tuple[Any, ...]:
    did, path = names.did(row[2]), names.path(NSIDS[kind], row[1])
    if kind in (1, 2):
        via = names.uri(NSIDS[2], row[7], row[8])
        subject = names.uri(POST, row[3], row[4])
        columns: tuple[Any, ...] = (
            subject,
            row[10],
            via,
            row[9],
            number_of(row[5]),
            number_of(row[6]),
            row[11],
        )
    elif kind == 3:
        via = names.uri(NSIDS[13], row[6], row[7])
        columns = (names.did(row[3]), via, row[8], number_of(row[4]), number_of(row[5]), row[9])
    else:
        columns = (names.did(row[3]), number_of(row[4]), number_of(row[5]), row[6])
    return did, path, "create", kind, columns
