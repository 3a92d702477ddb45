"""The four kinds of edges (like, repost, follow, block): their statements, and what runs those of a wave."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.records import notices
from indexer.records.collections import BLOCK, FOLLOW, LIKE, REPOST
from indexer.store.sql import load


@dataclass(frozen=True)
class Edge:
    """One kind of edge; its statements take the range of n of a wave.

    insert copes with every record that is there already. Where triage and append are given, insert is asked only about
    those that triage finds, and append puts the others into the table as they are.
    """

    kind: int
    name: str
    delete: str
    promote: str
    insert: str
    triage: str | None = None
    append: str | None = None

    @property
    def stage(self) -> str:
        """The staging table."""
        return f"stage_{self.name}"

    @property
    def functions(self) -> str:
        """What makes the session's functions that delete and create a wave's edges of this kind (functions.py)."""
        if self.triage is None or self.append is None:
            create = load(
                "function",
                function=f"create_{self.name}",
                parameters="integer, integer",
                statement=self.insert,
            )
        else:
            create = load(
                "edge_create_function",
                edge=self.name,
                triage=self.triage,
                append=self.append,
                insert=self.insert,
            )
        delete = load("edge_delete_function", edge=self.name, delete=self.delete, promote=self.promote)
        return f"{delete};\n{create}"


def _about_record(
    kind: int, name: str, *, likes: int, reposts: int, via_reason: int, told: str, key: tuple[str, str]
) -> Edge:
    """`key`: the primary key's columns, in order; the last is asked for as a range (subject_edge_insert.sql)."""
    path = "t.{0} = {2}.{0} AND t.{1} BETWEEN {2}.{1} AND {2}.{1}"
    counted: dict[str, str | int] = {
        "edge": name,
        "kind": kind,
        "likes": likes,
        "reposts": reposts,
        "told": told,
    }
    return Edge(
        kind,
        name,
        load("subject_edge_delete", **counted, deleted_path=path.format(*key, "d")),
        load("subject_edge_promote", **counted),
        load("subject_edge_insert", **counted, via_reason=via_reason, staged_path=path.format(*key, "s")),
        load("subject_edge_triage", edge=name, kind=kind),
        load("subject_edge_append", **counted, via_reason=via_reason),
    )


@dataclass(frozen=True)
class _Layout:
    """How a table of edges about accounts holds what its rows have beside key and accounts, in SQL: columns, values
    for new and for promoted rows, what duplicates keep of it besides, and how sort_at and quiet are read.
    """

    columns: str
    inserted: str
    promoted: str
    duplicated: str
    sort_at: str
    quiet: str


_TIMES = "rkey, created_at, indexed_at"
_LEAN = f"edge_lag({_TIMES}), edge_skew({_TIMES}), edge_more({_TIMES}, via_key, via_actor, via_cid, extra, {{quiet}})"
_OF_FOLLOWS = _Layout(
    columns="lag, skew, more",
    inserted=_LEAN.format(quiet="CASE WHEN waited THEN true ELSE inherited END"),
    promoted=_LEAN.format(quiet="true"),
    duplicated=", via_key, via_actor, via_cid",
    sort_at="edge_sort_at(rkey, lag, more)",
    quiet="(t.more).quiet",
)
_OF_BLOCKS = _Layout(
    columns="created_at, indexed_at, extra",
    inserted="created_at, indexed_at, extra",
    promoted="created_at, indexed_at, extra",
    duplicated="",
    sort_at="least(created_at, indexed_at)",
    quiet="NULL::boolean",
)


def _about_account(kind: int, name: str, *, counted: bool, layout: _Layout) -> Edge:
    names: dict[str, str | int] = {"edge": name, "kind": kind, "counted": str(counted).lower()}
    written: dict[str, str] = {"columns": layout.columns, "sort_at": layout.sort_at}
    return Edge(
        kind,
        name,
        load("actor_edge_delete", **names, quiet=layout.quiet),
        load("actor_edge_promote", **names, **written, promoted=layout.promoted),
        load("actor_edge_insert", **names, **written, inserted=layout.inserted, duplicated=layout.duplicated),
    )


EDGES = (
    _about_record(
        LIKE,
        "like",
        likes=1,
        reposts=0,
        via_reason=notices.LIKE_VIA_REPOST,
        told="false",
        key=("actor", "rkey"),
    ),
    _about_record(
        REPOST,
        "repost",
        likes=0,
        reposts=1,
        via_reason=notices.REPOST_VIA_REPOST,
        told="true",
        key=("rkey", "actor"),
    ),
    _about_account(FOLLOW, "follow", counted=True, layout=_OF_FOLLOWS),
    _about_account(BLOCK, "block", counted=False, layout=_OF_BLOCKS),
)
