"""The TLS pump: record borders against a slow oracle, and OpenSSL's own word for whatever it is fed."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath.tls import whole_records
from indexer.firehose.tls import TlsStream

LARGEST = 16384 + 2048


def record(size: int) -> bytes:
    return b"\x17\x03\x03" + size.to_bytes(2, "big") + b"x" * size


def oracle(data: bytes, limit: int) -> tuple[int, int]:
    stop = count = 0
    while len(data) - stop >= 5:
        size = int.from_bytes(data[stop + 3 : stop + 5], "big")
        if size > LARGEST:
            return len(data), count + 1
        if stop + 5 + size > len(data) or (count and stop + 5 + size > limit):
            break
        stop, count = stop + 5 + size, count + 1
    return stop, count


@given(
    st.lists(st.one_of(st.integers(0, 300).map(record), st.sampled_from([LARGEST, LARGEST + 1]).map(record))),
    st.binary(max_size=20),
    st.integers(0, 40_000),
)
def test_finds_the_last_whole_record(records: list[bytes], rest: bytes, limit: int) -> None:
    data = b"".join(records) + rest
    for end in {len(data), len(data) // 2}:
        assert whole_records(data, 0, end, limit) == oracle(data[:end], limit)


def test_refuses_a_stretch_outside_of_the_data() -> None:
    for start, end in ((-1, 3), (3, 2), (0, 11), (11, 11)):
        with pytest.raises(ValueError, match="expected 0 <= start <= end <= 10"):
            whole_records(bytes(10), start, end, 100)


@pytest.mark.anyio
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("window_bytes", [1, 1000, 16384, 300_000])
async def test_gives_what_was_sent_through_any_window(
    certificate: Path, server_context: ssl.SSLContext, version: ssl.TLSVersion, window_bytes: int
) -> None:
    sent = b"".join(number.to_bytes(4, "big") for number in range(1000 if window_bytes == 1 else 200_000))
    server_context.maximum_version = version

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        assert await stream.receive_some(5) == b"hello"
        await stream.send_all(sent)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_ssl_over_tcp_listeners(0, server_context, host="127.0.0.1")
        port = listener.transport_listener.socket.getsockname()[1]  # type: ignore[attr-defined]
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        transport = await trio.open_tcp_stream("127.0.0.1", port)
        context = ssl.create_default_context(cafile=str(certificate))
        async with TlsStream(transport, context, "localhost", 65536) as stream:
            await stream.do_handshake()
            await stream.send_all(b"hello")
            got = bytearray()
            window = memoryview(bytearray(window_bytes))
            with trio.fail_after(20):
                while size := await stream.receive_into(window):
                    got += window[:size]
        assert got == sent
        nursery.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_record_that_was_tampered_with_breaks_the_stream(
    certificate: Path, server_context: ssl.SSLContext
) -> None:
    handshake_done = False

    async def tamper(client: trio.SocketStream) -> None:
        """Between client and server; after the handshake, change the last byte of what the server says."""
        server = await trio.open_tcp_stream("127.0.0.1", port)
        async with server, trio.open_nursery() as pair:

            async def upwards() -> None:
                async for data in client:
                    await server.send_all(data)

            pair.start_soon(upwards)
            async for data in server:
                changed = data if not handshake_done else bytes(data[:-1]) + bytes([data[-1] ^ 1])
                await client.send_all(changed)
            pair.cancel_scope.cancel()

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        nonlocal handshake_done
        assert await stream.receive_some(5) == b"hello"
        handshake_done = True
        await stream.send_all(b"x" * 1000)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_ssl_over_tcp_listeners(0, server_context, host="127.0.0.1")
        port = listener.transport_listener.socket.getsockname()[1]  # type: ignore[attr-defined]
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        (between,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, tamper, [between])
        transport = await trio.open_tcp_stream("127.0.0.1", between.socket.getsockname()[1])
        context = ssl.create_default_context(cafile=str(certificate))
        async with TlsStream(transport, context, "localhost", 65536) as stream:
            with trio.fail_after(20):
                await stream.do_handshake()
                await stream.send_all(b"hello")
                with pytest.raises(trio.BrokenResourceError, match="TLS"):
                    await stream.receive_some(4096)
        nursery.cancel_scope.cancel()
