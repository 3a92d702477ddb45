"""The client against an upstream that misbehaves, over real sockets, on both receive paths."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from indexer.errors import ConnectionLost, FrameError, FutureCursor, UpstreamError, UpstreamRefused
from indexer.firehose import FirehoseOptions, Follower, FrameBatch, Upstream
from tests.firehose.conftest import Transport
from tests.firehose.hostile import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Peer,
    hostile_upstream,
    ws_frame,
)

pytestmark = pytest.mark.anyio

COMMIT = b"\xa2atg#commitbop\x01"
OUTDATED = b"\xa2ate#infobop\x01" + b"\xa1dnamenOutdatedCursor"
FUTURE = b"\xa1bop\x20" + b"\xa1eerrorlFutureCursor"
TOO_SLOW = b"\xa1bop\x20" + b"\xa2eerroroConsumerTooSlowgmessagehhurry up"


def message(number: int, size: int = 40) -> bytes:
    return (COMMIT + number.to_bytes(4, "big")).ljust(size, b"\0")


@asynccontextmanager
async def following(
    upstream: Upstream, options: FirehoseOptions, cursors: list[int | None] | None = None
) -> AsyncIterator[tuple[Follower, trio.MemoryReceiveChannel[FrameBatch]]]:
    send, receive = trio.open_memory_channel[FrameBatch](0)
    answers = iter(cursors or [])
    follower = Follower(upstream, lambda: next(answers, None), send, options)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.run)
            async with receive:
                yield follower, receive
            nursery.cancel_scope.cancel()


async def take(receive: trio.MemoryReceiveChannel[FrameBatch], count: int) -> list[bytes]:
    frames: list[bytes] = []
    while len(frames) < count:
        frames += (await receive.receive()).frames
    assert len(frames) == count
    return frames


async def run_to_error(upstream: Upstream, options: FirehoseOptions) -> UpstreamError:
    """The error that ends following `upstream`, whatever is received before."""
    send, receive = trio.open_memory_channel[FrameBatch](math.inf)
    with trio.fail_after(20), receive, pytest.raises(UpstreamError) as caught:
        await Follower(upstream, lambda: None, send, options).run()
    return caught.value


async def first_failure(upstream: Upstream, options: FirehoseOptions) -> str:
    """What the status says about the first attempt, which fails."""
    patient = dataclasses.replace(options, backoff_base=1000.0, backoff_max=1000.0)
    async with following(upstream, patient) as (follower, receive):
        with receive:
            while follower.status.last_error is None:  # noqa: ASYNC110 - a plain figure, nothing to wait for
                await trio.sleep(0.005)
        return follower.status.last_error


async def test_delivers_messages_of_all_sizes_in_order(transport: Transport) -> None:
    sizes = [20, 125, 126, 127, 65535, 65536, 70000, 300_000, 4_999_999, 5_000_000, 20]
    sent = [message(number, size) for number, size in enumerate(sizes)]

    async def script(peer: Peer) -> None:
        await peer.accept(followed_by=ws_frame(BINARY, sent[0]))
        await peer.send(*sent[1:])
        await trio.sleep_forever()

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options) as (follower, receive),
    ):
        assert await take(receive, len(sent)) == sent
        assert follower.status.frames == len(sent)
        assert follower.status.bytes == sum(sizes)
        assert follower.status.connected


async def test_reassembles_fragments_and_answers_pings_between_them(transport: Transport) -> None:
    body = message(1, 90_000)
    pongs: list[tuple[int, bytes] | None] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.raw(
            ws_frame(BINARY, body[:10], fin=False)
            + ws_frame(PING, b"one")
            + ws_frame(CONTINUATION, b"", fin=False)
            + ws_frame(CONTINUATION, body[10:70_000], fin=False)
            + ws_frame(PING, b"")
            + ws_frame(PONG, b"unasked")
            + ws_frame(CONTINUATION, body[70_000:])
        )
        pongs.extend([await peer.next_frame(), await peer.next_frame()])
        await peer.send(message(2))
        await trio.sleep_forever()

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options) as (_, receive),
    ):
        assert await take(receive, 2) == [body, message(2)]
    assert pongs == [(PONG, b"one"), (PONG, b"")]


VIOLATIONS = {
    "text": (ws_frame(TEXT, b"hello"), 1003, "text message"),
    "too big": (ws_frame(BINARY, bytes(5_000_001)), 1009, "larger than 5000000 bytes"),
    "too big in fragments": (
        ws_frame(BINARY, bytes(3_000_000), fin=False) + ws_frame(CONTINUATION, bytes(3_000_000)),
        1009,
        "larger than 5000000 bytes",
    ),
    "masked": (ws_frame(BINARY, b"x" * 20, mask=b"abcd"), 1002, "protocol"),
    "reserved bit": (ws_frame(BINARY, b"x" * 20, rsv=4), 1002, "protocol"),
    "reserved opcode": (ws_frame(3, b"x"), 1002, "protocol"),
    "reserved control opcode": (ws_frame(11, b"x"), 1002, "protocol"),
    "continuation of nothing": (ws_frame(CONTINUATION, b"x"), 1002, "protocol"),
    "message within a message": (
        ws_frame(BINARY, b"x", fin=False) + ws_frame(BINARY, b"x"),
        1002,
        "protocol",
    ),
    "fragmented ping": (ws_frame(PING, b"x", fin=False), 1002, "protocol"),
    "large ping": (ws_frame(PING, b"x" * 126), 1002, "protocol"),
    "overlong 16 bit length": (ws_frame(BINARY, b"x" * 20, wide=16), 1002, "protocol"),
    "overlong 64 bit length": (ws_frame(BINARY, b"x" * 2000, wide=64), 1002, "protocol"),
    "length of 2**63": (b"\x82\x7f" + (1 << 63).to_bytes(8, "big"), 1002, "protocol"),
    "close with one byte": (ws_frame(CLOSE, b"x"), 1002, "protocol"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_refuses_a_violation_with_its_close_code_and_reconnects(
    transport: Transport, name: str
) -> None:
    wrong, expected_code, expected_words = VIOLATIONS[name]
    codes: list[int | None] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        if peer.ordinal == 1:
            await peer.send(message(1))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.raw, wrong)
                codes.append(await peer.close_code())
                nursery.cancel_scope.cancel()
        else:
            await peer.send(message(2))
            await trio.sleep_forever()

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options) as (follower, receive),
    ):
        assert await take(receive, 2) == [message(1), message(2)]
        assert follower.status.last_error is not None
        assert expected_words in follower.status.last_error
        assert upstream.key in follower.status.last_error
        assert follower.status.reconnects == 1
    assert codes == [expected_code]


async def test_delivers_what_came_before_a_drop_and_resumes_from_the_cursor(transport: Transport) -> None:
    targets: list[str] = []

    async def script(peer: Peer) -> None:
        targets.append(peer.target)
        await peer.accept()
        await peer.send(message(peer.ordinal))
        if peer.ordinal == 1:
            await peer.raw(ws_frame(BINARY, message(99, 1000))[:500])
        elif peer.ordinal == 2:
            await peer.raw(ws_frame(CLOSE, (1001).to_bytes(2, "big") + b"moving"))
            assert await peer.close_code() == 1001
        else:
            await trio.sleep_forever()

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options, [None, 7, 8]) as (follower, receive),
    ):
        assert await take(receive, 3) == [message(1), message(2), message(3)]
        assert follower.status.last_error is not None
        assert "1001: moving" in follower.status.last_error
    path = "/xrpc/com.atproto.sync.subscribeRepos"
    assert targets == [path, f"{path}?cursor=7", f"{path}?cursor=8"]


async def test_watchdog_counts_data_and_not_pings(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(message(peer.ordinal))
        while True:
            await peer.raw(ws_frame(PING, b"alive"))
            await trio.sleep(0.02)

    options = dataclasses.replace(transport.options, data_timeout=0.2)
    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, options) as (follower, receive),
    ):
        assert await take(receive, 2) == [message(1), message(2)]
        assert follower.status.last_error is not None
        assert "no data for 0.2 s" in follower.status.last_error


async def test_outdated_cursor_is_noted_and_the_stream_goes_on(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(OUTDATED, message(1))
        await trio.sleep_forever()

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options, [5]) as (follower, receive),
    ):
        assert await take(receive, 1) == [message(1)]
        assert follower.status.outdated_cursors == 1


async def test_future_cursor_ends_the_program_s_following(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(message(1), FUTURE, message(2))

    async with hostile_upstream(script, transport.server_context) as upstream:
        error = await run_to_error(upstream, transport.options)
    assert isinstance(error, FutureCursor)
    assert "FutureCursor" in str(error)


async def test_consumer_too_slow_reconnects_from_the_cursor(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        if peer.ordinal == 1:
            await peer.send(message(1), TOO_SLOW, message(99))
        else:
            await peer.send(message(2))
        await trio.sleep_forever()

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options) as (follower, receive),
    ):
        assert await take(receive, 2) == [message(1), message(2)]
        assert follower.status.too_slow == 1
        assert follower.status.last_error is not None
        assert "ConsumerTooSlow: hurry up" in follower.status.last_error


async def test_fail_drops_only_the_connection_that_it_names(transport: Transport) -> None:
    codes: list[int | None] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(message(peer.ordinal))
        codes.append(await peer.close_code())

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options) as (follower, receive),
    ):
        first = await receive.receive()
        follower.fail(FrameError("map expected", 3), first.connection)
        second = await receive.receive()
        assert second.frames == [message(2)]
        assert follower.status.last_error is not None
        assert "map expected at byte 3" in follower.status.last_error
        follower.fail(FrameError("late", 0), first.connection)
        with trio.move_on_after(0.1):
            await receive.receive()
        assert follower.status.connections == 2
    assert codes == [1007, 1000]


async def test_back_pressure_reaches_the_sender(transport: Transport) -> None:
    sent = 0
    payload = message(1, 100_000)

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.accept()
        while True:
            await peer.send(payload)
            sent += len(payload)

    options = dataclasses.replace(
        transport.options, buffer_bytes=1 << 20, batch_bytes=1 << 20, read_bytes=1 << 16
    )
    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, options) as (follower, receive),
    ):
        await receive.receive()
        before = -1
        while before != sent:
            before = sent
            await trio.sleep(0.1)
        # Kernel buffers of both ends, trio-websocket's queue, the inbox and the list in hand.
        assert sent < 40 << 20
        assert 1 << 20 <= follower.status.waiting_bytes < 2 << 20
        for _ in range(20):
            assert set((await receive.receive()).frames) == {payload}
        assert sent > before


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 501])
async def test_gives_up_on_a_status_that_says_not_here(transport: Transport, status: int) -> None:
    async def script(peer: Peer) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\nLocation: https://elsewhere.example/\r\nContent-Length: 13"
        await peer.raw(head.encode() + b'\r\n\r\n{"no":"such"}')

    async with hostile_upstream(script, transport.server_context) as upstream:
        error = await run_to_error(upstream, transport.options)
    assert isinstance(error, UpstreamRefused)
    assert error.status == status
    assert f"HTTP status {status}" in str(error)
    assert "such" in str(error)
    assert upstream.key in str(error)


@pytest.mark.parametrize("status", [405, 426, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("sized", [True, False])
async def test_tries_again_after_a_status_that_may_pass(
    transport: Transport, status: int, sized: bool
) -> None:
    async def script(peer: Peer) -> None:
        if peer.ordinal == 1:
            length = "Content-Length: 5\r\n" if sized else "Connection: close\r\n"
            await peer.raw(f"HTTP/1.1 {status} No\r\n{length}\r\nlater".encode())
        else:
            await peer.accept()
            await peer.send(message(1))
            await trio.sleep_forever()

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options) as (follower, receive),
    ):
        assert await take(receive, 1) == [message(1)]
        assert follower.status.last_error is not None
        assert f"HTTP status {status}" in follower.status.last_error
        assert "later" in follower.status.last_error


async def test_waits_as_long_as_the_server_asks(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        if peer.ordinal == 1:
            await peer.raw(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n")
        else:
            await peer.accept()
            await peer.send(message(1))

    async with (
        hostile_upstream(script, transport.server_context) as upstream,
        following(upstream, transport.options) as (_, receive),
    ):
        began = trio.current_time()
        assert await take(receive, 1) == [message(1)]
        assert trio.current_time() - began >= 1.0


ANSWERS = {
    "hangs up": (b"", "hung up during the opening handshake"),
    "not HTTP": (
        b"220 mail.example ESMTP\r\n",
        "not a WebSocket server, it answered '220 mail.example ESMTP'",
    ),
    "wrong accept": (
        b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "not a WebSocket server",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_says_what_is_wrong_with_the_opening_handshake(transport: Transport, name: str) -> None:
    answer, expected = ANSWERS[name]

    async def script(peer: Peer) -> None:
        if answer:
            await peer.raw(answer)

    async with hostile_upstream(script, transport.server_context) as upstream:
        assert expected in await first_failure(upstream, transport.options)


async def test_says_that_no_answer_came(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await trio.sleep_forever()

    options = dataclasses.replace(transport.options, connect_timeout=0.2)
    async with hostile_upstream(script, transport.server_context) as upstream:
        assert "no answer to the opening handshake within 0.2 s" in await first_failure(upstream, options)


async def test_says_why_there_is_no_connection() -> None:
    options = FirehoseOptions()
    assert "does not resolve" in await first_failure(Upstream("ws", "nowhere.invalid", 80), options)
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        text = await first_failure(Upstream("ws", "127.0.0.1", port), options)
    assert f"cannot connect to 127.0.0.1 port {port}: Connection refused" in text


async def test_says_why_tls_failed(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()

    async with hostile_upstream(script, transport.server_context) as upstream:
        if transport.server_context is None:
            text = await first_failure(dataclasses.replace(upstream, scheme="wss"), transport.options)
            assert "TLS handshake failed" in text
        else:
            strangers = dataclasses.replace(transport.options, ssl_context=None)
            text = await first_failure(upstream, strangers)
            assert "the certificate was refused: self" in text


def test_connection_lost_is_what_callers_may_retry() -> None:
    assert ConnectionLost("x").retry_after == 0.0
