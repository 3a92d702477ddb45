"""Many short GETs of one server that the operator named: the PLC directory, asked for the documents of new accounts.

Owns a few kept connections with several questions under way on each (HTTP/1.1 pipelining, RFC 9112 section 9.3.2): a
general client costs more for one document than checking a thousand signatures with it. Refuses to know what is asked.
Runs under asyncio and Trio without tasks of its own: whoever waits for an answer does the work for all who wait.
"""

from __future__ import annotations

import ssl
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream

from indexer.sync.fetch import USER_AGENT, AnswerTooLarge, FetchError

CONNECTIONS = 4
DEPTH = 64
"""Questions under way on one connection."""
ATTEMPTS = 3
"""A kept connection may have been closed by the server, and with it what was under way."""
MAX_HEAD_BYTES = 32 << 10
_READ_BYTES = 1 << 16
_NO_BODY = (204, 304)


class _Question:
    """One GET and its answer. `turn` is set when there is one, or when the asker is to do the work."""

    __slots__ = ("answer", "attempts", "error", "max_bytes", "path", "turn")

    def __init__(self, path: str, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.attempts = 0
        self.answer: tuple[int, bytes] | None = None
        self.error: FetchError | None = None
        self.turn = anyio.Event()

    @property
    def is_settled(self) -> bool:
        return self.answer is not None or self.error is not None


class Directory:
    """GETs below `url` (http or https, chosen by the operator: its address is not checked).

    timeout: seconds within which each answer must begin to come and each next piece of it. Use from one event loop.
    """

    def __init__(self, url: str, *, timeout: float, ssl_context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._head = (
            f" HTTP/1.1\r\nhost: {parts.netloc.rpartition('@')[2]}\r\nuser-agent: {USER_AGENT}\r\n"
            "accept: application/did+ld+json, application/json\r\naccept-encoding: identity\r\n\r\n"
        )
        self._timeout = timeout
        self._ssl_context = ssl_context
        self._waiting: deque[_Question] = deque()
        self._idle: list[_Conversation] = []
        self._free = CONNECTIONS
        self._url = url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def get(self, path: str, *, max_bytes: int) -> tuple[int, bytes]:
        """Status and body of one GET; `path` begins with a slash and is ASCII without spaces.

        Raises FetchError where the server cannot be reached, is late, breaks off again and again or sends no HTTP,
        AnswerTooLarge beyond `max_bytes` bytes of body.
        """
        question = _Question(path, max_bytes)
        self._waiting.append(question)
        try:
            while not question.is_settled:
                if self._free and self._waiting:
                    self._free -= 1
                    try:
                        await self._converse()
                    finally:
                        self._free += 1
                        self._wake()
                else:
                    await question.turn.wait()
                    question.turn = anyio.Event()
        finally:
            if not question.is_settled:  # cancelled, perhaps when it was its turn
                with suppress(ValueError):
                    self._waiting.remove(question)
                self._wake()
        if question.error is not None:
            raise question.error
        assert question.answer is not None
        return question.answer

    def _wake(self) -> None:
        """Have somebody who waits go on with the work."""
        if self._waiting:
            self._waiting[0].turn.set()

    async def _converse(self) -> None:
        """Ask some of the questions that wait, on one connection, until each is answered or has to be asked again."""
        asked: deque[_Question] = deque()
        conversation: _Conversation | None = None
        try:
            # what failed before is asked alone: perhaps this server takes one question at a time only
            most = 1 if self._waiting[0].attempts else DEPTH
            while self._waiting and len(asked) < most and not (asked and self._waiting[0].attempts):
                asked.append(self._waiting.popleft())
            conversation = self._idle.pop() if self._idle and not asked[0].attempts else await self._connect()
            lines = [f"GET {self._prefix}{question.path}{self._head}" for question in asked]
            with anyio.fail_after(self._timeout):
                await conversation.stream.send("".join(lines).encode("ascii"))
            while asked:
                try:
                    asked[0].answer = await conversation.answer(asked[0].max_bytes, self._timeout)
                except AnswerTooLarge as error:
                    asked[0].error = error
                    break  # the rest of it is not waited for
                finally:
                    if asked[0].is_settled:
                        asked.popleft().turn.set()
                if conversation.ends:
                    break
            if not asked and not conversation.ends:
                self._idle.append(conversation)
                conversation = None
        except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError, FetchError) as error:
            self._failed(asked, error, conversation is not None)
        finally:
            self._waiting.extendleft(reversed(asked))
            if conversation is not None:
                with anyio.CancelScope(shield=True):
                    await conversation.close()

    def _failed(self, asked: deque[_Question], error: Exception, connected: bool) -> None:
        """A server that does not answer in time, or not at all, fails all whom it was asked for.

        One that breaks off has answered before: the question that it broke off at is asked again, alone.
        """
        if connected and asked and not isinstance(error, TimeoutError):
            asked[0].attempts += 1
            if asked[0].attempts < ATTEMPTS:
                return
            failed = 1
        else:
            failed = len(asked)
        words = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        for _ in range(failed):
            question = asked.popleft()
            question.error = FetchError(
                f"expected a connection that answers {self._url}{question.path}: {words}"
            )
            question.turn.set()

    async def _connect(self) -> _Conversation:
        with anyio.fail_after(self._timeout):
            if self._tls:
                stream: ByteStream = await anyio.connect_tcp(
                    self._host,
                    self._port,
                    ssl_context=self._ssl_context or ssl.create_default_context(),
                    tls=True,
                    tls_standard_compatible=False,
                )
            else:
                stream = await anyio.connect_tcp(self._host, self._port)
        return _Conversation(stream, self._url)


class _Conversation:
    """One connection, and what of its answers was read ahead. `ends`: the server closes it after the last answer."""

    def __init__(self, stream: ByteStream, url: str) -> None:
        self.stream = stream
        self.ends = False
        self._url = url
        self._buffer = bytearray()

    async def close(self) -> None:
        await anyio.aclose_forcefully(self.stream)

    async def answer(self, max_bytes: int, timeout: float) -> tuple[int, bytes]:
        """Status and body of the next answer; informational ones are passed over."""
        while True:
            while (end := self._buffer.find(b"\r\n\r\n")) < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise FetchError(f"expected a head of at most {MAX_HEAD_BYTES} bytes from {self._url}")
                await self._more(timeout)
            status, fields = self._read_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if status >= 200:
                break
        self.ends = "close" in fields.get("connection", "").lower()
        if status in _NO_BODY:
            return status, b""
        if "transfer-encoding" in fields:
            return status, await self._chunks(max_bytes, timeout)
        length = fields.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise FetchError(f"expected a length or chunks from {self._url}, got content-length {length!r}")
        if int(length) > max_bytes:
            raise AnswerTooLarge(f"expected at most {max_bytes} bytes from {self._url}, got {int(length)}")
        return status, await self._take(int(length), timeout)

    def _read_head(self, head: bytes) -> tuple[int, dict[str, str]]:
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdecimal():
            raise FetchError(f"expected HTTP from {self._url}, got {first[:40]!r}")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if version == "HTTP/1.0":
            fields.setdefault("connection", "close")
        return int(rest[:3]), fields

    async def _chunks(self, max_bytes: int, timeout: float) -> bytes:
        body = bytearray()
        while True:
            while (end := self._buffer.find(b"\r\n")) < 0:
                await self._more(timeout)
            line = bytes(self._buffer[:end]).partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                raise FetchError(
                    f"expected the size of a chunk from {self._url}, got {line[:20]!r}"
                ) from None
            del self._buffer[: end + 2]
            if size < 0 or len(body) + size > max_bytes:
                raise AnswerTooLarge(f"expected at most {max_bytes} bytes from {self._url}, got more")
            if size == 0:
                break
            body += await self._take(size, timeout)
            await self._take(2, timeout)
        while True:  # trailers, up to an empty line
            while (end := self._buffer.find(b"\r\n")) < 0:
                await self._more(timeout)
            del self._buffer[: end + 2]
            if end == 0:
                return bytes(body)

    async def _take(self, size: int, timeout: float) -> bytes:
        while len(self._buffer) < size:
            await self._more(timeout)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _more(self, timeout: float) -> None:
        with anyio.fail_after(timeout):
            self._buffer += await self.stream.receive(_READ_BYTES)
