"""A small world for tests of the API: accounts and records written straight into the tables, as ingestion does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from indexer._fastpath import cbor, tid
from indexer._fastpath.cid import CID
from indexer.records.collections import CODES, FOLLOW, LIKE, LIST, LIST_ITEM, NSIDS, POST, REPOST
from indexer.records.compression import compress
from indexer.store.reads.spelling import iso
from indexer.store.search_index import SearchIndex

START = 1_700_000_000_000


@dataclass
class Account:
    """An account of the world."""

    id: int
    did: str
    handle: str
    key: Any = None


@dataclass
class World:
    """Writes rows. Times go forward by a second per record unless given."""

    connection: asyncpg.Connection
    url: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
    clock: int = START
    rare: dict[str, int] = field(default_factory=dict)
    _tids: int = 0

    def tick(self) -> int:
        self.clock += 1000
        return self.clock

    def new_tid(self, at: int) -> int:
        self._tids += 1
        return ((at * 1000) << 10) | (self._tids & 1023)

    async def account(self, name: str, *, profile: dict[str, Any] | None = None, status: int = 0) -> Account:
        """A new account `name`.test, with a profile record unless `profile` is None."""
        number = len(self.accounts) + 1
        account = Account(number, f"did:plc:{name:a<24}"[:32], f"{name}.test")
        at = self.tick()
        await self.connection.execute(
            "INSERT INTO actor (id, did, handle, status, indexed_at) VALUES ($1, $2, $3, $4, $5)",
            account.id, account.did, account.handle, status, at,
        )  # fmt: skip
        await self.connection.execute(
            "INSERT INTO repo (actor, rev, data) VALUES ($1, $2, $3)", account.id, self.new_tid(at), bytes(32)
        )
        if profile is not None:
            record = {"$type": "app.bsky.actor.profile", "createdAt": iso(at), **profile}
            data = cbor.encode(record)
            await self.connection.execute(
                "INSERT INTO profile (actor, cid, created_at, indexed_at, record) VALUES ($1, $2, $3, $4, $5)",
                account.id, CID.of(data).digest, at, at + 5, *compress([data]),
            )  # fmt: skip
        self.accounts[name] = account
        return account

    async def rare_key(self, path: str) -> int:
        if path not in self.rare:
            self.rare[path] = -len(self.rare) - 1
            await self.connection.execute(
                "INSERT INTO rare_key (id, path) VALUES ($1, $2)", self.rare[path], path
            )
        return self.rare[path]

    async def record(
        self, account: Account, nsid: str, value: dict[str, Any], rkey: str | None = None
    ) -> str:
        """A record of a kind that has no table of its own; returns its URI."""
        at = self.tick()
        rkey = rkey or tid.to_text(self.new_tid(at))
        number = tid.to_int(rkey)
        key = number if number is not None else await self.rare_key(f"{nsid}/{rkey}")
        data = cbor.encode({"$type": nsid, "createdAt": iso(at), **value})
        await self.connection.execute(
            "INSERT INTO record (kind, key, actor, cid, created_at, indexed_at, record)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            CODES[nsid], key, account.id, CID.of(data).digest, at, at + 5, *compress([data]),
        )  # fmt: skip
        return f"at://{account.did}/{nsid}/{rkey}"

    async def list(self, owner: Account, purpose: str, members: Sequence[Account]) -> str:
        """A list with members; returns its URI."""
        uri = await self.record(owner, NSIDS[LIST], {"name": "a list", "purpose": purpose})
        key = tid.to_int(uri.rsplit("/", 1)[1])
        for member in members:
            item = await self.record(owner, NSIDS[LIST_ITEM], {"subject": member.did, "list": uri})
            await self.connection.execute(
                "INSERT INTO list_item (key, actor, list_key, list_actor, subject_actor, created_at, indexed_at)"
                " VALUES ($1, $2, $3, $2, $4, $5, $5)",
                tid.to_int(item.rsplit("/", 1)[1]), owner.id, key, member.id, self.tick(),
            )  # fmt: skip
        return uri

    async def post(
        self,
        account: Account,
        text: str = "hello",
        *,
        reply: Posted | None = None,
        quote: Posted | None = None,
        at: int | None = None,
        flags: int = 0,
        extra: dict[str, Any] | None = None,
    ) -> Posted:
        """A post, replying to or quoting another."""
        at = self.tick() if at is None else at
        key = self.new_tid(at)
        value: dict[str, Any] = {
            "$type": "app.bsky.feed.post", "text": text, "createdAt": iso(at), **(extra or {}),
        }  # fmt: skip
        root = None
        if reply is not None:
            root = reply.root or reply
            value["reply"] = {"root": root.ref, "parent": reply.ref}
        if quote is not None:
            value["embed"] = {"$type": "app.bsky.embed.record", "record": quote.ref}
        data = cbor.encode(value)
        posted = Posted(key, account, CID.of(data), root)
        await self.connection.execute(
            "INSERT INTO post (rkey, actor, sort_at, indexed_at, parent_key, parent_actor, root_key, root_actor,"
            " quote_key, quote_actor, flags, cid, record) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",
            key, account.id, at, at + 5,
            reply and reply.key, reply and reply.account.id, root and root.key, root and root.account.id,
            quote and quote.key, quote and quote.account.id, flags, posted.cid.digest, *compress([data]),
        )  # fmt: skip
        await self.count("actor_count", "posts", account.id)
        if reply is not None:
            await self.count("post_count", "replies", reply.key, reply.account.id)
        if quote is not None:
            await self.count("post_count", "quotes", quote.key, quote.account.id)
        return posted

    async def count(self, table: str, column: str, *key: int) -> None:
        columns = "actor" if table == "actor_count" else "key, actor"
        places = ", ".join(f"${number + 1}" for number in range(len(key)))
        await self.connection.execute(
            f"INSERT INTO {table} ({columns}, {column}) VALUES ({places}, 1)"
            f" ON CONFLICT ({columns}) DO UPDATE SET {column} = {table}.{column} + 1",
            *key,
        )

    async def edge(self, kind: int, account: Account, subject: Posted, at: int | None = None) -> int:
        """A like or repost; returns its record key."""
        at = self.tick() if at is None else at
        key = self.new_tid(at)
        table = {LIKE: '"like"', REPOST: "repost"}[kind]
        await self.connection.execute(
            f"INSERT INTO {table} (rkey, actor, subject_key, subject_actor, lag, skew)"
            " VALUES ($1, $2, $3, $4, edge_lag($1, $5, $6), edge_skew($1, $5, $6))",
            key, account.id, subject.key, subject.account.id, at, at + 5,
        )  # fmt: skip
        await self.count(
            "post_count", {LIKE: "likes", REPOST: "reposts"}[kind], subject.key, subject.account.id
        )
        return key

    async def follow(self, account: Account, subject: Account) -> str:
        at = self.tick()
        key = self.new_tid(at)
        await self.connection.execute(
            "INSERT INTO follow (rkey, actor, subject_actor, lag, skew)"
            " VALUES ($1, $2, $3, edge_lag($1, $4, $5), edge_skew($1, $4, $5))",
            key, account.id, subject.id, at, at + 5,
        )  # fmt: skip
        await self.count("actor_count", "follows", account.id)
        await self.count("actor_count", "followers", subject.id)
        return f"at://{account.did}/{NSIDS[FOLLOW]}/{tid.to_text(key)}"

    async def block(self, account: Account, subject: Account) -> None:
        at = self.tick()
        await self.connection.execute(
            "INSERT INTO block (rkey, actor, subject_actor, created_at, indexed_at) VALUES ($1, $2, $3, $4, $5)",
            self.new_tid(at), account.id, subject.id, at, at + 5,
        )  # fmt: skip

    async def make_searchable(self) -> None:
        """Bring the search tables up to date, as the ingest process does behind the stream."""
        index = SearchIndex(self.url)
        await index.begin_anew()
        while await index.step():
            pass
        await index.close()

    async def mute(self, account: Account, subject: Account) -> None:
        await self.connection.execute(
            "INSERT INTO mute (actor, subject_actor, created_at) VALUES ($1, $2, $3)",
            account.id, subject.id, int(time.time() * 1000),
        )  # fmt: skip


@dataclass
class Posted:
    """A post of the world."""

    key: int
    account: Account
    cid: CID
    root: Posted | None = None

    @property
    def uri(self) -> str:
        return f"at://{self.account.did}/{NSIDS[POST]}/{tid.to_text(self.key)}"

    @property
    def ref(self) -> dict[str, str]:
        return {"uri": self.uri, "cid": str(self.cid)}
