"""Labels come over a real WebSocket, signed; what is not by the labeler is refused; views show the rest."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
import trio
from websockets.sync.server import ServerConnection, serve

from indexer._fastpath import cbor
from indexer.app import label_stream
from indexer.config import Settings
from indexer.ops.asyncio_thread import asyncio_thread
from indexer.simulation.keys import SigningKey, derived_key, multikey
from indexer.sync.identity import IdentityResolver, IdentitySettings
from tests.sync.servers import Answer, http_server

DID = "did:plc:" + "l" * 24
SUBJECT = "did:plc:" + "s" * 24
CTS = "2024-01-01T00:00:00.000Z"


@dataclass
class Labeler:
    """A labeler's server: every subscriber gets the frames after its cursor."""

    key: SigningKey = field(default_factory=lambda: derived_key(b"labeler"))
    frames: list[bytes] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    publish: Callable[[], None] = lambda: None
    withhold: Callable[[], None] = lambda: None
    ended: threading.Event = field(default_factory=threading.Event)

    def label(self, key: SigningKey | None = None, **parts: Any) -> dict[str, Any]:
        value = {"ver": 1, "src": DID, "uri": SUBJECT, "val": "spam", "cts": CTS, **parts}
        value["sig"] = (key or self.key).sign(cbor.encode(value))
        return value

    def emit(self, *labels: dict[str, Any]) -> None:
        body = {"seq": len(self.frames) + 1, "labels": list(labels)}
        self.frames.append(cbor.encode({"op": 1, "t": "#labels"}) + cbor.encode(body))

    def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path, _, query = connection.request.path.partition("?cursor=")
        assert path == "/xrpc/com.atproto.label.subscribeLabels"
        self.cursors.append(query)
        sent = int(query)
        while not self.ended.wait(0.02):
            for frame in self.frames[sent:]:
                connection.send(frame)
                sent += 1

    def document(self, port: int) -> bytes:
        method = {"id": f"{DID}#atproto_label", "type": "Multikey", "publicKeyMultibase": multikey(self.key)}
        service = {
            "id": "#atproto_labeler",
            "type": "AtprotoLabeler",
            "serviceEndpoint": f"http://127.0.0.1:{port}",
        }
        return json.dumps({"id": DID, "verificationMethod": [method], "service": [service]}).encode()


@pytest.fixture
def labeler() -> Iterator[tuple[Labeler, str]]:
    """A labeler, and the PLC directory that knows it."""
    made = Labeler()
    with serve(made.serve, "127.0.0.1", 0) as server, http_server() as plc:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.socket.getsockname()[1]

        def publish() -> None:
            plc.routes[f"/{DID}"] = Answer(made.document(port))

        def withhold() -> None:
            plc.routes[f"/{DID}"] = Answer(b"", status=503)

        made.publish, made.withhold = publish, withhold
        publish()
        yield made, plc.url
        made.ended.set()
        server.shutdown()
        thread.join()


Steps = Sequence[tuple[int, Callable[[], None]]]


def follow(
    plc_url: str, postgres_url: str, until: int, *, steps: Steps = (), refresh_interval: float = 0
) -> None:
    """Follow the labeler until its cursor in the database is `until`.

    Each of `steps` is done as soon as the cursor is at its number, over the same connection.
    """

    async def run() -> None:
        settings = Settings(postgres_url=postgres_url)
        identities = IdentitySettings(
            plc_url=plc_url, allow_private=True, refresh_interval=refresh_interval, failure_ttl=0
        )
        async with asyncio_thread() as thread, IdentityResolver(identities) as resolver:
            stream = label_stream(DID, settings, resolver, thread)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.run)
                with trio.fail_after(20):
                    for number, step in (*steps, (until, lambda: None)):
                        while await thread.call(cursor, postgres_url) < number:  # noqa: ASYNC110 (a database)
                            await trio.sleep(0.02)
                        step()
                nursery.cancel_scope.cancel()

    trio.run(run)


async def cursor(url: str) -> int:
    (row,) = await query(url, "SELECT coalesce(max(seq), 0) FROM labeler_cursor")
    return int(row[0])


async def query(url: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


def labels(url: str) -> set[tuple[str, str, bool]]:
    rows = asyncio.run(query(url, "SELECT uri, val, neg FROM label"))
    return {(row["uri"], row["val"], row["neg"]) for row in rows}


def test_signed_labels_are_kept_and_the_stream_goes_on_where_it_stopped(
    labeler: tuple[Labeler, str], postgres_url: str
) -> None:
    made, plc_url = labeler
    uri = f"at://{SUBJECT}/app.bsky.feed.post/3jzfcijpj2z2a"
    made.emit(made.label(), made.label(uri=uri, cid="bafyreia", val="porn", exp="2030-01-01T00:00:00Z"))
    made.emit(made.label(val="rude"))
    made.emit(made.label(neg=True))
    follow(plc_url, postgres_url, 3)
    assert labels(postgres_url) == {(SUBJECT, "spam", True), (uri, "porn", False), (SUBJECT, "rude", False)}
    made.emit(made.label(cts="2024-01-02T00:00:00.000Z"))
    follow(plc_url, postgres_url, 4)
    assert (SUBJECT, "spam", False) in labels(postgres_url)
    assert made.cursors == ["0", "3"]


def test_what_is_not_the_labelers_is_refused(labeler: tuple[Labeler, str], postgres_url: str) -> None:
    made, plc_url = labeler
    changed = made.label() | {"val": "other"}
    unsigned = {name: value for name, value in made.label().items() if name != "sig"}
    made.emit(
        changed, unsigned, made.label(derived_key(b"somebody else")), made.label(src=SUBJECT), made.label(ver=2),
        made.label(cts="yesterday"), made.label(exp="never"), made.label(uri="https://example.com"),
        made.label(val="x" * 129), made.label(neg="yes"), made.label(val="a\0b"),
    )  # fmt: skip
    made.frames.append(cbor.encode({"op": 1, "t": "#info"}) + cbor.encode({"name": "OutdatedCursor"}))
    made.emit(made.label(val="good"))
    follow(plc_url, postgres_url, 3)
    assert labels(postgres_url) == {(SUBJECT, "good", False)}


def test_a_changed_key_is_asked_for(labeler: tuple[Labeler, str], postgres_url: str) -> None:
    made, plc_url = labeler
    old, made.key = made.key, derived_key(b"a new key", p256=True)
    made.emit(made.label(old), made.label(val="new"))
    follow(plc_url, postgres_url, 1)
    assert labels(postgres_url) == {(SUBJECT, "spam", False)}
    made.publish()
    made.emit(made.label(old), made.label(val="new"))
    follow(plc_url, postgres_url, 2)
    assert labels(postgres_url) == {(SUBJECT, "spam", False), (SUBJECT, "new", False)}


def test_a_key_that_changes_in_mid_stream_costs_no_label(
    labeler: tuple[Labeler, str], postgres_url: str
) -> None:
    made, plc_url = labeler
    old, new = made.key, derived_key(b"a new key")

    def change_key() -> None:
        made.key = new
        made.publish()
        made.emit(made.label(val="by the new key"), made.label(old, val="by the old key"))

    def go_on() -> None:
        made.emit(made.label(val="and another"))

    made.emit(made.label())
    # The document was asked for when the stream began: until it may be asked for again, the label waits.
    follow(plc_url, postgres_url, 3, steps=[(1, change_key), (2, go_on)], refresh_interval=1)
    assert labels(postgres_url) == {
        (SUBJECT, "spam", False), (SUBJECT, "by the new key", False), (SUBJECT, "and another", False)
    }  # fmt: skip
    assert made.cursors == ["0"]


def test_no_label_is_refused_while_the_key_cannot_be_known(
    labeler: tuple[Labeler, str], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plc_url = labeler
    monkeypatch.setattr("indexer.label_streams.RETRY_SECONDS", 0.2)

    def change_key_unseen() -> None:
        made.key = derived_key(b"a new key")
        made.withhold()
        made.emit(made.label(val="by the new key"))
        threading.Timer(1.5, made.publish).start()

    made.emit(made.label())
    follow(plc_url, postgres_url, 2, steps=[(1, change_key_unseen)])
    assert labels(postgres_url) == {(SUBJECT, "spam", False), (SUBJECT, "by the new key", False)}


def test_a_broken_frame_costs_nothing_of_what_came_before_it(
    labeler: tuple[Labeler, str], postgres_url: str
) -> None:
    made, plc_url = labeler
    made.emit(made.label())
    made.frames.append(b"nonsense")
    follow(plc_url, postgres_url, 1)
    assert labels(postgres_url) == {(SUBJECT, "spam", False)}


def test_a_frame_that_never_decodes_is_passed_over(labeler: tuple[Labeler, str], postgres_url: str) -> None:
    made, plc_url = labeler
    made.emit(made.label())
    made.frames.append(b"nonsense")
    made.emit(made.label(val="after it"))
    follow(plc_url, postgres_url, 3)
    assert labels(postgres_url) == {(SUBJECT, "spam", False), (SUBJECT, "after it", False)}
    assert made.cursors == ["0", "1", "1"]
