"""Reading from a socket that may be closed at any moment, by either side."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from indexer.firehose.sockets import SocketReader


async def pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    one, other = trio.socket.socketpair()
    return trio.SocketStream(one), trio.SocketStream(other)


@pytest.mark.parametrize("sent", [0, 1, 4], ids=["nothing", "less than asked for", "as much"])
def test_a_stream_that_this_side_closed_is_told_as_closed(sent: int) -> None:
    """Also where it is read again afterwards: nothing may wait for a socket that is no more."""

    async def main() -> None:
        ours, theirs = await pair()
        reader, window = SocketReader(ours), memoryview(bytearray(4))
        if sent:
            await theirs.send_all(bytes(sent))
            assert await reader.receive_into(window) == sent
        await trio.sleep(0.01)  # longer than a reader that was just woken lets bytes gather
        await ours.aclose()
        for _ in range(2):
            with pytest.raises(trio.ClosedResourceError):
                await reader.receive_into(window)
        await theirs.aclose()

    trio.run(main)


def test_a_reader_that_waits_is_told_of_the_closing() -> None:
    async def main() -> None:
        ours, theirs = await pair()
        reader = SocketReader(ours)

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await reader.receive_into(memoryview(bytearray(4)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await ours.aclose()
        await theirs.aclose()

    trio.run(main)


def test_what_the_other_side_sent_and_that_it_hung_up() -> None:
    async def main() -> None:
        ours, theirs = await pair()
        reader, window = SocketReader(ours), memoryview(bytearray(4))
        await theirs.send_all(b"abcdef")
        await theirs.aclose()
        assert [bytes(window[: await reader.receive_into(window)]) for _ in range(3)] == [b"abcd", b"ef", b""]
        await ours.aclose()

    trio.run(main)
