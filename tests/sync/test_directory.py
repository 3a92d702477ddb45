"""Pipelined questions to one server: every question gets its own answer, whatever the server does to the connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
import pytest

from indexer.sync.directory import ATTEMPTS, Directory
from indexer.sync.fetch import AnswerTooLarge, FetchError

pytestmark = pytest.mark.anyio


class PipelineServer:
    """Answers GET /n with the text n, in the form `style` of n; closes each connection after `most` answers."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        # a client that goes away is part of the tests
        with suppress(OSError), peer, peer.makefile("rb") as lines:
            for _ in range(self.most):
                first = lines.readline()
                while lines.readline() not in (b"\r\n", b""):
                    pass
                if not first:
                    return
                peer.sendall(answer_to(int(first.split()[1][1:])))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def answer_to(number: int) -> bytes:
    body = str(number).encode()
    if number % 3 == 0:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    if number % 3 == 1:
        chunks = b"".join(b"1;x=y\r\n%c\r\n" % digit for digit in body)
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: t\r\n\r\n"
    return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\ncontent-length:%d\r\n\r\n%s" % (len(body), body)


@contextmanager
def pipeline_server(most: int = 10**9) -> Iterator[PipelineServer]:
    server = PipelineServer(most)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("most", [1, 7, 1000])
async def test_every_question_gets_its_own_answer(most: int) -> None:
    answers: dict[int, tuple[int, bytes]] = {}
    with pipeline_server(most) as server:
        async with Directory(server.url, timeout=5) as directory:

            async def ask(number: int) -> None:
                answers[number] = await directory.get(f"/{number}", max_bytes=100)

            async with anyio.create_task_group() as tasks:
                for number in range(300):
                    tasks.start_soon(ask, number)
            assert await directory.get("/300", max_bytes=100) == (200, b"300")
    assert answers == {
        number: (404 if number % 3 == 2 else 200, str(number).encode()) for number in range(300)
    }


async def test_a_server_that_only_breaks_off_is_given_up() -> None:
    with pipeline_server(0) as server:
        async with Directory(server.url, timeout=5) as directory:
            with pytest.raises(FetchError, match="expected a connection that answers"):
                await directory.get("/1", max_bytes=10)
        assert server.connections == ATTEMPTS


async def test_an_answer_that_is_too_large_harms_no_other() -> None:
    with pipeline_server() as server:
        async with Directory(server.url, timeout=5) as directory:
            for number in (333_333, 100_000, 100_001):
                with pytest.raises(AnswerTooLarge):
                    await directory.get(f"/{number}", max_bytes=3)
                assert await directory.get("/12", max_bytes=3) == (200, b"12")


async def test_who_gives_up_waiting_harms_no_other() -> None:
    answers = []
    with pipeline_server() as server:
        async with Directory(server.url, timeout=5) as directory:

            async def ask(number: int) -> None:
                answers.append(await directory.get(f"/{number}", max_bytes=100))

            for _ in range(20):
                async with anyio.create_task_group() as tasks:
                    with anyio.CancelScope() as scope:
                        async with anyio.create_task_group() as hasty:
                            hasty.start_soon(ask, 1)
                            for number in range(3, 9):
                                tasks.start_soon(ask, number)
                            await anyio.lowlevel.checkpoint()
                            scope.cancel()
    expected = {(404 if number % 3 == 2 else 200, str(number).encode()) for number in range(3, 9)}
    assert expected <= set(answers)
    assert all(answers.count(answer) == 20 for answer in expected)


async def test_a_server_that_is_silent_fails_all_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with Directory(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2) as directory:
            failed = []

            async def ask(number: int) -> None:
                with pytest.raises(FetchError, match="in time"):
                    await directory.get(f"/{number}", max_bytes=100)
                failed.append(number)

            with anyio.fail_after(3):
                async with anyio.create_task_group() as tasks:
                    for number in range(100):
                        tasks.start_soon(ask, number)
            assert len(failed) == 100
