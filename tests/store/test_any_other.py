"""Records of collections that the index does not know: passed over, or kept as they are where that is set."""

from __future__ import annotations

from typing import Any

import pytest

from indexer._fastpath import cbor
from indexer.records.collections import ANY_OTHER
from indexer.records.compression import original
from indexer.store.repositories import repository_records
from tests.store.cast import Cast, did_of
from tests.store.pipeline import Pipeline

pytestmark = pytest.mark.anyio

RECIPE, NOTE = "org.example.recipe", "org.example.note"
KEPT = f"""SELECT k.path, a.did, r.record FROM record r
    JOIN actor a ON a.id = r.actor JOIN rare_key k ON k.id = r.key
    WHERE r.kind = {ANY_OTHER} ORDER BY 1, 2"""


def _cast() -> tuple[Cast, dict[str, str]]:
    cast = Cast()
    first = cast.create("ann", RECIPE, text="salt")
    cast.create(
        "ann", NOTE, first["uri"].split("/")[-1], subject={"uri": 7, "cid": None}, createdAt=["never"]
    )
    cast.create("bob", RECIPE, "self", list="x")
    gone = cast.create("bob", RECIPE, text="pepper")
    cast.update(first["uri"], text="more salt")
    cast.delete(gone["uri"])
    cast.post("bob")
    return cast, first


async def _kept(pipeline: Pipeline) -> list[tuple[str, str, Any]]:
    rows = await pipeline.connection.fetch(KEPT)
    return [(row["path"], row["did"], cbor.decode(original(row["record"]))) for row in rows]


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
async def test_records_are_kept_as_they_are(postgres_url: str, together: bool) -> None:
    cast, first = _cast()
    async with Pipeline(postgres_url, keep_unknown=True) as pipeline:
        for frames in [cast.frames] if together else [[frame] for frame in cast.frames]:
            await pipeline.write(frames)
        kept = await _kept(pipeline)
        rkey = first["uri"].split("/")[-1]
        assert [(path, did) for path, did, _ in kept] == [
            (f"{NOTE}/{rkey}", did_of("ann")),
            (f"{RECIPE}/{rkey}", did_of("ann")),
            (f"{RECIPE}/self", did_of("bob")),
        ]
        assert kept[1][2]["text"] == "more salt"
        actor = await pipeline.connection.fetchval("SELECT id FROM actor WHERE did = $1", did_of("ann"))
        assert set(await repository_records(pipeline.connection, actor)) == {
            f"{NOTE}/{rkey}",
            f"{RECIPE}/{rkey}",
        }
        await pipeline.write(cast.frames)  # replayed
        assert await _kept(pipeline) == kept
        cast.account("ann", active=False, status="deleted")
        await pipeline.write(cast.frames[-1:])
        assert await _kept(pipeline) == kept[2:]


async def test_by_default_they_are_counted_and_passed_over(postgres_url: str) -> None:
    cast, _ = _cast()
    async with Pipeline(postgres_url) as pipeline:
        await pipeline.write(cast.frames)
        assert await _kept(pipeline) == []
        counted = await pipeline.connection.fetch(
            "SELECT count FROM dropped WHERE reason = 'unknown_collection' ORDER BY 1"
        )
        assert [row[0] for row in counted] == [3, 3]
        assert not await pipeline.connection.fetchval("SELECT count(*) FROM rare_key")
