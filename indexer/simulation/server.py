"""The simulated network on a real socket: HTTP by h11, the subscription's handshake and control frames by wsproto.

Owns connections only; what is answered is decided in `answers`, what is streamed in `stream`.
"""

from __future__ import annotations

import re
import socket
from contextlib import aclosing
from urllib.parse import parse_qs, urlsplit

import h11
import trio
import wsproto
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request
from wsproto.utilities import ProtocolError

from .answers import Answer, answer, failure
from .hosts import Host
from .stream import Stream

SUBSCRIPTION = "/xrpc/com.atproto.sync.subscribeRepos"
SEND_BUFFER_BYTES = 4 << 20
READ_BYTES = 1 << 16
PLAIN_GET = re.compile(
    rb"GET (/did:[a-z0-9:]+) HTTP/1\.1\r\n(?:(?:host|user-agent|accept|accept-encoding): [^\r\n]*\r\n)*\r\n",
    re.IGNORECASE,
)
CLOSE_SECONDS = 2.0
"""How long a subscriber may take to answer a close."""


async def serve(
    host: Host,
    stream: Stream,
    port: int = 0,
    bind: str = "127.0.0.1",
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; the task is started with the port once connections are accepted."""
    listeners = await trio.open_tcp_listeners(port, host=bind)
    bound: int = listeners[0].socket.getsockname()[1]
    host.settle(f"http://localhost:{bound}")

    async def handle(connection: trio.SocketStream) -> None:
        try:
            await _Connection(connection, host, stream).run()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the peer went away
        except* (h11.RemoteProtocolError, ProtocolError):
            pass  # the peer does not speak the protocol

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        task_status.started(bound)


class _Connection:
    """One client: requests one after the other, and perhaps a subscription at the end."""

    def __init__(self, peer: trio.SocketStream, host: Host, stream: Stream) -> None:
        self.peer = peer
        self.host = host
        self.stream = stream
        self.http = h11.Connection(h11.SERVER)
        self.sending = trio.Lock()

    async def run(self) -> None:
        """Answer until the client leaves."""
        async with self.peer:
            while (request := await self._request()) is not None:
                target = request.target.decode("latin-1")
                headers = dict(request.headers)
                if (
                    urlsplit(target).path == SUBSCRIPTION
                    and headers.get(b"upgrade", b"").lower() == b"websocket"
                ):
                    await self._subscribe(request, target)
                    return
                await self._reply(self._answer(request, target, headers.get(b"host", b"").decode("latin-1")))
                if self.http.our_state is h11.MUST_CLOSE:
                    return
                self.http.start_next_cycle()

    async def _request(self) -> h11.Request | None:
        """The next request, its body read and thrown away; None at the end of the connection."""
        request = None
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                data = await self.peer.receive_some(READ_BYTES)
                while self.http.their_state is h11.IDLE and not self.http.trailing_data[0] and data:
                    answers = self._plain_answers(data)
                    if not answers:
                        break
                    await self.peer.send_all(answers)
                    data = await self.peer.receive_some(READ_BYTES)
                self.http.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.EndOfMessage):
                return request
            elif isinstance(event, h11.ConnectionClosed):
                return None

    def _plain_answers(self, data: bytes) -> bytes:
        """The answers to whole plain GETs of DID documents, of which a client that catches up asks thousands; empty if
        there is anything else in `data`.
        """
        answers, end = [], 0
        while match := PLAIN_GET.match(data, end):
            reply = answer(self.host, match[1].decode("ascii"), "")
            end = match.end()
            answers.append(
                b"HTTP/1.1 %d \r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s"
                % (reply.status, reply.content_type.encode(), len(reply.body), reply.body)
            )
        return b"".join(answers) if end == len(data) else b""

    def _answer(self, request: h11.Request, target: str, authority: str) -> Answer:
        if request.method != b"GET":
            return failure("InvalidRequest", "expected GET", 405)
        if urlsplit(target).path == SUBSCRIPTION:
            return failure("InvalidRequest", "expected a WebSocket upgrade", 426)
        return answer(self.host, target, authority)

    async def _reply(self, reply: Answer) -> None:
        headers = [("content-type", reply.content_type), ("content-length", str(len(reply.body)))]
        parts = [
            self.http.send(h11.Response(status_code=reply.status, headers=headers)),
            self.http.send(h11.Data(data=reply.body)),
            self.http.send(h11.EndOfMessage()),
        ]
        await self.peer.send_all(b"".join(part for part in parts if part))

    # --- the subscription -------------------------------------------------------------------------------------------

    async def _subscribe(self, request: h11.Request, target: str) -> None:
        values = parse_qs(urlsplit(target).query).get("cursor", [])
        if values and not (values[0].isascii() and values[0].isdecimal()):
            await self._reply(failure("InvalidRequest", "expected a cursor of digits"))
            return
        websocket = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        websocket.initiate_upgrade_connection(list(request.headers), target)
        assert isinstance(next(websocket.events()), Request)
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        await self.peer.send_all(websocket.send(AcceptConnection()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, websocket, nursery.cancel_scope)
            async with aclosing(self.stream.subscribe(int(values[0]) if values else None)) as chunks:
                async for chunk in chunks:
                    await self._send(chunk)
            await self._send(websocket.send(CloseConnection(code=1000)))
            nursery.cancel_scope.deadline = trio.current_time() + CLOSE_SECONDS

    async def _listen(self, websocket: wsproto.WSConnection, scope: trio.CancelScope) -> None:
        """Answer pings and a close; everything else that a client says is ignored (event stream specification)."""
        while data := await self.peer.receive_some(READ_BYTES):
            websocket.receive_data(data)
            for event in websocket.events():
                if isinstance(event, Ping):
                    await self._send(websocket.send(event.response()))
                elif isinstance(event, CloseConnection):
                    if websocket.state is ConnectionState.REMOTE_CLOSING:
                        await self._send(websocket.send(event.response()))
                    scope.cancel()
        scope.cancel()

    async def _send(self, data: bytes) -> None:
        async with self.sending:
            await self.peer.send_all(data)
