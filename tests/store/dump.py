"""The database's tables by name instead of id, to be compared with the model or with another database."""

from __future__ import annotations

from typing import Any

import asyncpg

from indexer._fastpath.cid import CID
from indexer._fastpath.tid import to_text
from indexer.records.collections import LIST, LIST_ITEM, NSIDS, POST, REPOST, STARTER_PACK
from indexer.records.compression import original
from indexer.records.edges import rebuild_edge, record_digest
from indexer.records.notices import REASONS

EDGES = {1: "like", 2: "repost", 3: "follow", 4: "block"}
SPELLED_OUT = {"like": "likes", "repost": "reposts", "follow": "follows"}
"""The views of tables whose columns stand in fewer bytes."""


class Names:
    """Ids -> DIDs, keys -> AT-URIs."""

    def __init__(self, actors: dict[int, str], paths: dict[int, str]) -> None:
        self.actors = actors
        self.paths = paths

    def uri(self, kind: int, key: int | None, actor: int | None) -> str | None:
        """The AT-URI of a record in collection `kind` (or in the collection of its rare path)."""
        if key is None or actor is None:
            return None
        path = f"{NSIDS[kind]}/{to_text(key)}" if key > 0 else self.paths[key]
        return f"at://{self.actors[actor]}/{path}"


def cid(digest: bytes | None) -> str | None:
    """A digest as CID text."""
    return None if digest is None else str(CID.from_digest(digest))


async def dump(connection: asyncpg.Connection[Any]) -> dict[str, Any]:
    """Return every derived table as a dict by name (notifications as a sorted list)."""
    names = Names(
        dict(await connection.fetch("SELECT id, did FROM actor")),
        dict(await connection.fetch("SELECT id, path FROM rare_key")),
    )
    tables: dict[str, Any] = {}
    posts = await connection.fetch("SELECT * FROM post")
    post_cids = {names.uri(POST, p["rkey"], p["actor"]): p["cid"] for p in posts}
    tables["post"] = {
        names.uri(POST, p["rkey"], p["actor"]): (
            cid(p["cid"]),
            names.uri(POST, p["parent_key"], p["parent_actor"]),
            names.uri(POST, p["root_key"], p["root_actor"]),
            names.uri(POST, p["quote_key"], p["quote_actor"]),
            p["flags"] & ~255,
            p["sort_at"],
            p["indexed_at"],
            original(p["record"]),
        )
        for p in posts
    }
    for kind, table in EDGES.items():
        tables[table] = {}
        for row in await connection.fetch(f'SELECT * FROM "{SPELLED_OUT.get(table, table)}"'):
            uri, values = _edge(names, kind, dict(row), post_cids, lean=True)
            tables[table][uri] = (*values, bool(row.get("quiet")))
    tables["duplicate"] = {}
    for row in await connection.fetch("SELECT * FROM duplicate"):
        if row["kind"] in EDGES:
            uri, values = _edge(names, row["kind"], dict(row), post_cids, lean=False)
            tables["duplicate"][uri] = values
        else:
            tables["duplicate"][names.uri(row["kind"], row["rkey"], row["actor"])] = (
                row["created_at"],
                row["indexed_at"],
            )
    tables["record"] = {
        names.uri(r["kind"], r["key"], r["actor"]): (
            cid(r["cid"]),
            r["created_at"],
            r["indexed_at"],
            original(r["record"]),
        )
        for r in await connection.fetch("SELECT * FROM record")
    }
    tables["profile"] = {
        names.actors[r["actor"]]: (
            cid(r["cid"]),
            r["created_at"],
            r["indexed_at"],
            names.uri(STARTER_PACK, r["joined_key"], r["joined_actor"]),
            original(r["record"]),
        )
        for r in await connection.fetch("SELECT * FROM profile")
    }
    tables["list_item"] = {
        names.uri(LIST_ITEM, r["key"], r["actor"]): (
            names.uri(LIST, r["list_key"], r["list_actor"]), names.actors[r["subject_actor"]], r["created_at"],
            r["indexed_at"]
        )
        for r in await connection.fetch("SELECT * FROM list_item")
    }  # fmt: skip
    tables["list_block"] = {
        names.uri(12, r["key"], r["actor"]): (
            names.uri(LIST, r["list_key"], r["list_actor"]),
            r["created_at"],
            r["indexed_at"],
        )
        for r in await connection.fetch("SELECT * FROM list_block")
    }
    tables["verification"] = {
        names.uri(14, r["key"], r["actor"]): (
            names.actors[r["subject_actor"]], r["handle"], r["display_name"], r["created_at"], r["indexed_at"]
        )
        for r in await connection.fetch("SELECT * FROM verification")
    }  # fmt: skip
    tables["post_count"] = {
        names.uri(POST, r["key"], r["actor"]): (r["likes"], r["reposts"], r["replies"], r["quotes"])
        for r in await connection.fetch("SELECT * FROM post_count")
        if any((r["likes"], r["reposts"], r["replies"], r["quotes"]))
    }
    tables["actor_count"] = {
        names.actors[r["actor"]]: (r["followers"], r["follows"], r["posts"])
        for r in await connection.fetch("SELECT * FROM actor_count")
        if any((r["followers"], r["follows"], r["posts"]))
    }
    tables["notification"] = sorted(
        (
            names.actors[r["recipient"]],
            names.actors[r["author"]],
            REASONS[r["reason"]],
            names.uri(r["record_kind"], r["record_key"], r["author"]) or "",
            names.uri(r["subject_kind"] or POST, r["subject_key"], r["subject_actor"]) or "",
            r["sort_at"],
        )
        for r in await connection.fetch("SELECT * FROM notification")
    )
    tables["repo"] = {
        names.actors[r["actor"]]: (to_text(r["rev"]), cid(r["data"]), r["state"])
        for r in await connection.fetch("SELECT * FROM repo")
    }
    statuses = await connection.fetch("SELECT did, status, status_at FROM actor WHERE status_at IS NOT NULL")
    tables["status"] = {did: (status, at) for did, status, at in statuses}
    return tables


def _edge(
    names: Names, kind: int, row: dict[str, Any], post_cids: dict[str | None, bytes], *, lean: bool
) -> tuple[str | None, tuple[Any, ...]]:
    uri = names.uri(kind, row["rkey"], row["actor"])
    via = names.uri(STARTER_PACK if kind == 3 else REPOST, row.get("via_key"), row.get("via_actor"))
    if kind in (1, 2):
        subject = names.uri(POST, row["subject_key"], row["subject_actor"])
        stored, of_post = row["subject_cid"], post_cids.get(subject)
        if lean:
            assert stored is None or stored != of_post, f"{uri} keeps a CID that its subject's row has"
        digest = stored if stored is not None else of_post
        assert digest is not None, f"{uri} lost the CID of its subject"
    else:
        subject, digest = names.actors[row["subject_actor"]], None
    assert subject is not None
    record = row["extra"] or rebuild_edge(kind, row["created_at"], subject, digest, via, row.get("via_cid"))
    return uri, (subject, cid(record_digest(record)), row["created_at"], row["indexed_at"])
