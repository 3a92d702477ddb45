"""Records as the network sends them, good and bad: what is kept, what is dropped, and under which label."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from indexer._fastpath.batch import Batch, decode
from indexer.simulation.account import Account, World
from indexer.simulation.dagcbor import cid_text, encode
from indexer.simulation.repo import Write
from tests.batch.described import described
from tests.batch.support import Store, copy_rows, integer

LIKE = "app.bsky.feed.like"
POST = "app.bsky.feed.post"
FOLLOW = "app.bsky.graph.follow"
NOW = "2026-01-01T00:00:00.123Z"
CID = cid_text(b"\x01\x71\x12\x20" + bytes(range(32)))
RAW_CID = cid_text(b"\x01\x55\x12\x20" + bytes(range(32)))
SUBJECT = f"at://did:plc:{'a' * 24}/{POST}/3mptbyplj5d2a"
STRONG = {"uri": SUBJECT, "cid": CID}


def applied(
    account: Account, collection: str, record: dict[str, Any] | bytes, rkey: str = "3mptbyplj5d2a"
) -> Batch:
    data = record if isinstance(record, bytes) else encode(record)
    return decode([account.apply([Write("create", f"{collection}/{rkey}", data)])], inversion=True)


def account() -> Account:
    return World(seed=3).account("alice.test")


def reasons(batch: Batch) -> list[str]:
    Store().run(batch)
    return [drop.reason for drop in batch.drops]


def like(**fields: Any) -> dict[str, Any]:
    record = {"$type": LIKE, "subject": STRONG, "createdAt": NOW, **fields}
    return {name: value for name, value in record.items() if value is not None}


def post(**fields: Any) -> dict[str, Any]:
    record = {"$type": POST, "text": "hello", "createdAt": NOW, **fields}
    return {name: value for name, value in record.items() if value is not None}


def facet(feature: dict[str, Any]) -> dict[str, Any]:
    return {"index": {"byteStart": 0, "byteEnd": 1}, "features": [feature]}


BAD = [
    (LIKE, b"\x01", "record_not_map"),
    (LIKE, b"\x80", "record_not_map"),
    (LIKE, b"\xa1\x61", "record_cbor"),
    (LIKE, encode(like()) + b"\x00", "record_cbor"),
    (LIKE, like(**{"$type": POST}), "record_type"),
    (LIKE, like(**{"$type": None}), "record_type"),
    (LIKE, like(subject=None), "record_invalid"),
    (LIKE, like(subject="x"), "record_invalid"),
    (LIKE, like(subject={"uri": SUBJECT}), "record_invalid"),
    (LIKE, like(subject={"uri": 5, "cid": CID}), "record_invalid"),
    (LIKE, like(createdAt=None), "record_invalid"),
    (LIKE, like(createdAt=5), "record_invalid"),
    (LIKE, like(subject={"uri": f"at://alice.test/{POST}/3mptbyplj5d2a", "cid": CID}), "subject_handle"),
    (LIKE, like(subject={"uri": "at://did:plc:abc", "cid": CID}), "subject_uri"),
    (LIKE, like(subject={"uri": f"at://did:plc:{'a' * 24}/{POST}", "cid": CID}), "subject_uri"),
    (LIKE, like(subject={"uri": SUBJECT + "/x", "cid": CID}), "subject_uri"),
    (LIKE, like(subject={"uri": SUBJECT + "#x", "cid": CID}), "subject_uri"),
    (LIKE, like(subject={"uri": SUBJECT.replace(POST, "x"), "cid": CID}), "subject_uri"),
    (LIKE, like(subject={"uri": f"at://did:PLC:abc/{POST}/3mptbyplj5d2a", "cid": CID}), "subject_uri"),
    (LIKE, like(subject={"uri": SUBJECT, "cid": "no cid"}), "subject_cid"),
    (LIKE, like(subject={"uri": SUBJECT, "cid": ""}), "subject_cid"),
    (FOLLOW, {"$type": FOLLOW, "subject": "alice.test", "createdAt": NOW}, "subject_did"),
    (FOLLOW, {"$type": FOLLOW, "subject": STRONG, "createdAt": NOW}, "record_invalid"),
    (POST, b"\xf6", "record_not_map"),
    (POST, post(text=None), "record_invalid"),
    (POST, post(text=5), "record_invalid"),
    (POST, post(text="x" * 3001), "record_invalid"),
    (POST, post(createdAt=None), "record_invalid"),
    (POST, post(reply={"root": STRONG}), "record_invalid"),
    (POST, post(reply={"root": STRONG, "parent": {"uri": SUBJECT}}), "record_invalid"),
    (POST, post(reply="x"), "record_invalid"),
    (POST, post(embed={"images": []}), "record_invalid"),
    (POST, post(embed={"$type": "app.bsky.embed.images"}), "record_invalid"),
    (POST, post(embed={"$type": "app.bsky.embed.record", "record": {"uri": SUBJECT}}), "record_invalid"),
    (POST, post(embed=[]), "record_invalid"),
    (POST, post(facets={}), "record_invalid"),
    (POST, post(facets=[{"features": []}]), "record_invalid"),
    (
        POST,
        post(facets=[facet({"$type": "app.bsky.richtext.facet#mention", "did": "nobody"})]),
        "record_invalid",
    ),
    (POST, post(langs=["a"] * 4), "record_invalid"),
    (POST, post(tags=["a"] * 9), "record_invalid"),
    ("app.bsky.actor.profile", b"\x05", "record_not_map"),
    ("app.bsky.actor.profile", {"displayName": "x"}, "record_type"),
    ("com.example.thing", {"$type": "com.example.thing"}, "unknown_collection"),
]


@pytest.mark.parametrize(("collection", "record", "reason"), BAD)
def test_bad_records_cost_their_operation_only(collection: str, record: Any, reason: str) -> None:
    alice = account()
    bad = encode(record) if isinstance(record, dict) else record
    frame = alice.apply(
        [
            Write("create", f"{collection}/3mptbyplj5d2a", bad),
            Write("create", f"{POST}/3mptbyplj5d2b", encode(post())),
        ]
    )
    batch = decode([frame], inversion=True)
    store = Store()
    store.run(batch)
    assert batch.status == ["ok"]
    assert [(drop.reason, drop.did) for drop in batch.drops] == [(reason, alice.did)]
    assert batch.drops[0].actor == store.ids[alice.did]
    assert batch.drops[0].detail.startswith(f"{collection}/3mptbyplj5d2a")
    assert [operation.path for operation in described(batch, store)] == [f"{POST}/3mptbyplj5d2b"]


KEPT_RAW = [
    like(extra=1),
    like(createdAt="2026-01-01T00:00:00Z"),
    like(createdAt="2026-01-01T00:00:00.123456Z"),
    like(createdAt="2026-01-01T01:00:00.123+01:00"),
    like(createdAt="2026-01-01T00:00:00.123"),
    like(createdAt="yesterday"),
    like(createdAt="9999-99-99T00:00:00.000Z"),
    like(subject={**STRONG, "x": 1}),
    like(subject={"uri": SUBJECT, "cid": RAW_CID}),
    like(subject={"uri": SUBJECT, "cid": "QmZTR5bcpQD7cFgTorqxZDYaew1Wqgfbd2ud9QqGPAkK2V"}),
    like(via={"uri": "at://nobody/x/y", "cid": CID}),
]


@pytest.mark.parametrize("record", KEPT_RAW)
def test_what_the_columns_cannot_give_back_is_kept_as_bytes(record: dict[str, Any]) -> None:
    batch = applied(account(), LIKE, record)
    Store().run(batch)
    (row,) = copy_rows(batch.copy_edges(1, 0))
    assert row[11] == encode(record)


def test_keys_out_of_order_are_kept_as_bytes() -> None:
    tail = encode(like())[1:]
    marker = tail.index(b"\x67subject")
    shuffled = b"\xa3" + tail[marker:] + tail[:marker]
    batch = applied(account(), LIKE, shuffled)
    Store().run(batch)
    assert batch.drops == []
    (row,) = copy_rows(batch.copy_edges(1, 0))
    assert row[11] == shuffled


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (NOW, 1767225600123),
        ("2026-01-01T01:00:00.123456+01:00", 1767225600123),
        ("2026-01-01T00:00:00.123", 1767225600123),
        ("1969-12-31T23:59:59.999Z", -1),
        ("not a time", 0),
        ("2026-02-30T00:00:00.000Z", 0),
    ],
)
def test_times(created: str, expected: int) -> None:
    batch = applied(account(), LIKE, like(createdAt=created))
    Store().run(batch)
    (row,) = copy_rows(batch.copy_edges(1, 0))
    assert int.from_bytes(row[5] or b"", "big", signed=True) == expected


def test_rare_keys_are_interned_and_tids_are_numbers() -> None:
    alice = account()
    generator = "at://did:web:example.com/app.bsky.feed.generator/3mptbyplj5d2a"
    store = Store()
    batch = applied(alice, LIKE, like(subject={"uri": generator, "cid": CID}), rkey="self")
    assert batch.unknown(store.table) == [alice.did, "did:web:example.com"]
    store.answer(batch)
    assert set(store.paths) == {f"{LIKE}/self", "app.bsky.feed.generator/3mptbyplj5d2a"}
    batch.gate(store.table)
    batch.finish(store.table)
    (operation,) = described(batch, store)
    assert operation.path == f"{LIKE}/self"
    assert operation.columns[0] == generator


def test_names_in_other_records_are_asked_for_too() -> None:
    record = {
        "$type": "app.bsky.graph.listitem",
        "subject": f"did:plc:{'b' * 24}",
        "list": "at://did:web:example.com/app.bsky.graph.list/favourites",
        "createdAt": NOW,
    }
    store = Store()
    alice = account()
    batch = applied(alice, "app.bsky.graph.listitem", record)
    store.answer(batch)
    assert set(store.ids) == {alice.did, f"did:plc:{'b' * 24}", "did:web:example.com"}
    assert set(store.paths) == {"app.bsky.graph.list/favourites"}
    assert store.table.id("did:web:example.com") == store.ids["did:web:example.com"]


def test_post_with_everything() -> None:
    quoted = {"$type": "app.bsky.embed.record", "record": STRONG}
    images = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": {}}]}
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": f"did:plc:{'c' * 24}"}
    record = post(
        reply={"root": STRONG, "parent": {"uri": SUBJECT.replace("a" * 24, "d" * 24), "cid": CID}},
        embed={"$type": "app.bsky.embed.recordWithMedia", "record": quoted, "media": images},
        facets=[facet(mention), facet(mention), facet({"$type": "app.bsky.richtext.facet#tag", "tag": "x"})],
        langs=["en"],
        tags=["a", "b"],
        labels={"$type": "com.atproto.label.defs#selfLabels", "values": []},
    )
    store = Store()
    batch = store.run(applied(account(), POST, record))
    (operation,) = described(batch, store)
    assert operation.columns[2:6] == (
        SUBJECT.replace("a" * 24, "d" * 24),
        SUBJECT,
        SUBJECT,
        1 | 8 | 32 | 64 | 128,
    )
    (relation,) = batch.post_relations(0)
    assert relation.mentions == (store.ids[f"did:plc:{'c' * 24}"],)
    assert relation.quote_cid == bytes(range(32))


def test_embeds_of_unknown_types_are_kept() -> None:
    batch = applied(account(), POST, post(embed={"$type": "com.example.embed", "what": [1, 2]}))
    assert reasons(batch) == []
    assert len(list(copy_rows(batch.copy_posts(0)))) == 1


@pytest.mark.parametrize(("levels", "dropped"), [(127, []), (128, ["record_cbor"])])
def test_an_embed_may_be_nested_as_deep_as_any_value(levels: int, dropped: list[str]) -> None:
    kind = encode({"$type": "com.example.embed"})[1:]
    embed = b"\xa2\x64what" + b"\x81" * (levels - 1) + b"\x80" + kind
    batch = applied(account(), POST, encode(post(embed={})).replace(b"\x65embed\xa0", b"\x65embed" + embed))
    assert reasons(batch) == dropped


@pytest.mark.parametrize(("last", "dropped"), [(b"\x61c\x02", []), (b"\x61b\x02", ["record_cbor"])])
def test_keys_of_an_embed_may_be_out_of_order_but_not_repeat(last: bytes, dropped: list[str]) -> None:
    kind = encode({"$type": "com.example.embed"})[1:]
    embed = b"\xa4\x61b\x01" + kind + b"\x61a\x01" + last
    record = encode(post(embed={})).replace(b"\x65embed\xa0", b"\x65embed" + embed)
    assert reasons(applied(account(), POST, record)) == dropped


def frame_at(alice: Account, number: int, time: bytes) -> bytes:
    """A commit whose frame says that it happened then."""
    frame = alice.apply(
        [Write("create", f"{LIKE}/3mptbyplj5d2{number}", encode(like(createdAt=time.decode())))]
    )
    start = frame.index(b"\x64time\x78\x18") + 7
    return frame[:start] + time + frame[start + 24 :]


def test_times_of_several_days_do_not_mix() -> None:
    days = ("2026-01-01", "2026-01-01", "2026-01-31", "2025-01-01", "2026-01-01", "2024-02-29")
    times = [f"{day}T0{hour}:10:20.{hour}37Z" for hour, day in enumerate(days, 2)]
    alice = account()
    batch = decode([frame_at(alice, number, time.encode()) for number, time in enumerate(times, 2)])
    store = Store()
    store.run(batch)
    expected = [int(datetime.fromisoformat(time).timestamp() * 1000 + 0.5) for time in times]
    assert batch.drops == []
    rows = sorted(copy_rows(batch.copy_edges(1, 0)), key=lambda row: integer(row[0]) or 0)
    assert [integer(row[5]) for row in rows] == [integer(row[6]) for row in rows] == expected


@pytest.mark.parametrize("start", [bytes(11), b"2026-02-29T", b"2026-01-00T"])
def test_what_only_ends_like_a_time_is_none(start: bytes) -> None:
    frames = [
        frame_at(account(), 2, b"2026-02-28T00:10:20.030Z"),
        frame_at(account(), 2, start + b"00:10:20.030Z"),
    ]
    assert decode(frames[1:]).status == ["commit_syntax"]
    assert decode(frames).status == ["ok", "commit_syntax"]


def test_a_reply_to_what_is_no_record_has_no_parent() -> None:
    odd = {"uri": "at://alice.test/app.bsky.feed.post/3mptbyplj5d2a", "cid": CID}
    store = Store()
    batch = store.run(applied(account(), POST, post(reply={"root": odd, "parent": odd})))
    (operation,) = described(batch, store)
    assert operation.columns[2:6] == (None, None, None, 32)
