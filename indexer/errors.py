"""Every error that this program raises on purpose, as one tree.

A message says what was expected, what came and where. Errors about input from outside (an upstream, a client,
an operator's settings) name the input; errors about our own state (InvariantBroken) stop the daemon.
"""

from __future__ import annotations


class IndexerError(Exception):
    """The root: `except IndexerError` catches everything that this program raises on purpose."""


# --- the operator's input -----------------------------------------------------------------------------------


class ConfigError(IndexerError):
    """A setting is unknown or has a bad value; the message names it, its source and what was expected."""


class FileFormatError(IndexerError):
    """A file that the operator named (frames, settings, export) does not have the expected form."""


# --- upstream's input ---------------------------------------------------------------------------------------


class UpstreamError(IndexerError):
    """A relay or PDS sent something wrong, or cannot be reached."""


class FrameError(UpstreamError):
    """A frame does not decode: the connection that it came on must be closed (event-stream specification)."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} at byte {offset}")
        self.reason = reason
        self.offset = offset


class ConnectionLost(UpstreamError):
    """The connection to an upstream could not be made or ended; trying again may help, `retry_after` seconds
    from now."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ProtocolViolation(ConnectionLost):
    """An upstream broke the WebSocket protocol or one of our limits; `close_code` is what the peer was told
    (RFC 6455, 7.4)."""

    def __init__(self, message: str, close_code: int) -> None:
        super().__init__(message)
        self.close_code = close_code


class UpstreamRefused(UpstreamError):
    """An upstream answers with an HTTP status that says that it does not serve this stream: the operator must
    act."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class FutureCursor(UpstreamError):
    """The upstream's sequence is behind our cursor: only the operator may decide to reset it."""


class HostUnavailable(UpstreamError):
    """A host fails or asks for patience. `until`: when to ask again, on the client's clock. `reached`: it answered."""

    def __init__(self, message: str, until: float, *, reached: bool = True) -> None:
        super().__init__(message)
        self.until = until
        self.reached = reached


class VerificationError(UpstreamError):
    """A commit, record or identity does not prove what it claims."""


class IdentityError(UpstreamError):
    """A DID or handle does not resolve (now): its directory or host cannot be reached, or answers nonsense."""


class IdentityNotFound(IdentityError):
    """A DID or handle certainly does not exist: its directory or host says so."""


# --- a client's input ---------------------------------------------------------------------------------------


class XrpcError(IndexerError):
    """An XRPC answer other than success: `{error, message}` with an HTTP status."""

    def __init__(self, status: int, error: str, message: str = "") -> None:
        super().__init__(f"{error}: {message}" if message else error)
        self.status = status
        self.error = error
        self.message = message


class InvalidRequest(XrpcError):
    """The request does not fit the method's lexicon (400)."""

    def __init__(self, message: str, error: str = "InvalidRequest") -> None:
        super().__init__(400, error, message)


class AuthError(XrpcError):
    """The request's service token is missing or refused (401)."""

    def __init__(self, error: str, message: str = "") -> None:
        super().__init__(401, error, message)


# --- our own servers and state ------------------------------------------------------------------------------


class StoreError(IndexerError):
    """Postgres cannot be used: unreachable, refused, or its schema does not fit this program."""


class SchemaTooNew(StoreError):
    """The database was migrated by a newer version of this program."""


class CacheError(IndexerError):
    """Redis or Valkey cannot be used. Answers stay right without it."""


class EmbeddedServerError(IndexerError):
    """An embedded Postgres or Valkey does not start, or died."""


class InvariantBroken(IndexerError):
    """Something that must always hold does not: our bug or a damaged store. Never caught; the daemon stops
    loudly.
    """
