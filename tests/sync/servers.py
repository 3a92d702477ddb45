"""Real servers for the tests: HTTP(S) with routes by host and path, and DNS over UDP."""

from __future__ import annotations

import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from benchmarks._certificate import write_certificate


@dataclass
class Answer:
    """What a route answers, after `delay` seconds; `cut` promises more bytes than it sends."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False


class HttpServer:
    """Routes: "path" or "host path" -> Answer. Everything else is 404. `asked` lists what came."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Answer] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                host = self.headers["Host"]
                outer.asked.append(f"{host} {self.path}")
                bare = self.path.partition("?")[0]
                keys = (f"{host} {self.path}", self.path, bare)
                answer = next((outer.routes[key] for key in keys if key in outer.routes), Answer(b"", 404))
                time.sleep(answer.delay)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    length = len(answer.body) + (1000 if answer.cut else 0)
                    self.send_header("Content-Length", str(length))
                    self.end_headers()
                    self.wfile.write(answer.body)
                    if answer.cut:
                        self.close_connection = True
                except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                return  # a client that goes away is part of the tests

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"{'http' if tls is None else 'https'}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def http_server(tls: ssl.SSLContext | None = None) -> Iterator[HttpServer]:
    """A running HttpServer on a free port of the loopback."""
    server = HttpServer(tls)
    try:
        yield server
    finally:
        server.close()


def certificate(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(server's context, client's context that trusts it) for localhost."""
    path = write_certificate(directory)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


class DnsServer:
    """TXT records by name; an unknown name is NXDOMAIN, a name in `failing` SERVFAIL, in `silent` unanswered."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, socket = self.request
                query = dns.message.from_wire(data)
                name = query.question[0].name.to_text().rstrip(".").lower()
                if name in outer.silent:
                    return
                reply = dns.message.make_response(query)
                reply.flags |= dns.flags.RA
                if name in outer.failing:
                    reply.set_rcode(dns.rcode.SERVFAIL)
                elif name in outer.texts:
                    quoted = [" ".join(f'"{part}"' for part in text.split("|")) for text in outer.texts[name]]
                    if quoted:
                        reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *quoted))
                else:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                socket.sendto(reply.to_wire(), self.client_address)

        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def dns_server() -> Iterator[DnsServer]:
    """A running DnsServer on a free port of the loopback."""
    server = DnsServer()
    try:
        yield server
    finally:
        server.close()
