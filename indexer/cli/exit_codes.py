"""What the exit code of a command says, and which error gives which."""

from __future__ import annotations

from collections.abc import Iterator

from indexer import errors

OK = 0
FAILURE = 1
USAGE = 2
BAD_DATA = 65
UNAVAILABLE = 69
BUG = 70
INTERRUPTED = 130
TERMINATED = 143

MEANINGS = {
    OK: "done; a daemon was asked to stop and stopped cleanly",
    FAILURE: "the command could not do what it was asked (the message says why)",
    USAGE: "a command, option or setting is unknown or has a bad value",
    BAD_DATA: "a file does not have the expected form",
    UNAVAILABLE: "Postgres, Redis or an upstream cannot be reached or started",
    BUG: "something that must always hold does not: a bug, or a damaged database",
    INTERRUPTED: "stopped by Ctrl-C in the middle of work that was to end by itself, or asked twice to stop",
    TERMINATED: "the same by SIGTERM",
}

_BY_ERROR: tuple[tuple[type[BaseException], int], ...] = (
    (errors.ConfigError, USAGE),
    (errors.FileFormatError, BAD_DATA),
    (errors.FrameError, BAD_DATA),
    (errors.SchemaTooNew, FAILURE),
    (errors.StoreError, UNAVAILABLE),
    (errors.CacheError, UNAVAILABLE),
    (errors.EmbeddedServerError, UNAVAILABLE),
    (errors.ConnectionLost, UNAVAILABLE),
    (errors.HostUnavailable, UNAVAILABLE),
    (errors.InvariantBroken, BUG),
    (errors.IndexerError, FAILURE),
    (KeyboardInterrupt, INTERRUPTED),
)


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error that ends a command; of a group, the highest of its members'."""
    return max(_code_of_one(leaf) for leaf in leaves(error))


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors that a group holds, however deep; a single error yields itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def _code_of_one(error: BaseException) -> int:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), BUG)
