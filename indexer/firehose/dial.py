"""From an upstream to a connected byte stream, TCP or TLS.

Owns what is said when that fails: name, address and cause. Knows nothing of WebSockets.
"""

from __future__ import annotations

import os
import socket
import ssl

import certifi
import trio

from indexer.errors import ConnectionLost
from indexer.firehose.options import FirehoseOptions
from indexer.firehose.tls import TlsStream
from indexer.firehose.upstream import Upstream


async def dial(upstream: Upstream, options: FirehoseOptions) -> trio.abc.Stream:
    """Connect to the upstream's host and, for wss, do the TLS handshake with its certificate checked.

    Raises ConnectionLost that names the host and the cause: name resolution, every refused address, TLS.
    """
    try:
        stream = await trio.open_tcp_stream(upstream.host, upstream.port)
    except socket.gaierror as error:
        raise ConnectionLost(
            f"{upstream.key}: the name {upstream.host} does not resolve: {error.strerror}"
        ) from error
    except OSError as error:
        raise ConnectionLost(
            f"{upstream.key}: cannot connect to {upstream.host} port {upstream.port}: {_causes(error)}"
        ) from error
    # A peer that vanished without a word is noticed by the kernel even where no data watchdog is set.
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if not upstream.uses_tls:
        return stream
    return await start_tls(upstream, stream, options)


async def start_tls(
    upstream: Upstream, stream: trio.SocketStream, options: FirehoseOptions
) -> trio.abc.Stream:
    """TLS over a connected stream, its handshake done; raises ConnectionLost, with the stream closed, if that
    fails."""
    context = options.ssl_context or default_ssl_context()
    secure: TlsStream | trio.SSLStream[trio.SocketStream] = (
        TlsStream(stream, context, upstream.host, options.read_bytes)
        if options.fast_path
        else trio.SSLStream(stream, context, server_hostname=upstream.host, https_compatible=True)
    )
    try:
        await secure.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(secure)
        raise ConnectionLost(f"{upstream.key}: TLS handshake failed: {_tls_cause(error)}") from error
    except BaseException:
        await trio.aclose_forcefully(secure)
        raise
    return secure


def default_ssl_context() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities and certifi's (slim images have none of their
    own)."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=certifi.where())
    return context


def _causes(error: OSError) -> str:
    """Trio tries every address of a name: the distinct reasons why none worked."""
    cause = error.__cause__
    tried = cause.exceptions if isinstance(cause, BaseExceptionGroup) else (cause or error,)
    return "; ".join(dict.fromkeys(_reason(each) for each in tried))


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _tls_cause(error: trio.BrokenResourceError) -> str:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate was refused: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return str(cause.reason or cause).replace("_", " ").lower()
    return str(cause or error) or "the server closed the connection"
