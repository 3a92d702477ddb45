"""The state directory: its lock, its secrets, and the embedded servers that live in it.

One process owns a state directory and supervises the servers there; others may use the running servers by the
addresses that the owner leaves in the directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import anyio.to_thread
import msgspec
import psutil

from indexer.errors import EmbeddedServerError
from indexer.ops.embedded.binaries import choose_account, unreachable_directory
from indexer.ops.embedded.postgres import EmbeddedPostgres, tuned_settings
from indexer.ops.embedded.valkey import EmbeddedValkey

_LONGEST_SOCKET_PATH = 100  # sockaddr_un holds 108 bytes, macOS 104
_LOG_BYTES_KEPT = 10 * 2**20


class Addresses(msgspec.Struct, frozen=True):
    """Where the servers of a state directory listen; None for one that is not embedded."""

    pid: int
    postgres_url: str | None
    redis_url: str | None


@dataclass(frozen=True)
class Tuning:
    """What an operator may change about the embedded servers. Memory 0 means a share of the machine's."""

    postgres: Mapping[str, str]
    postgres_memory_bytes: int = 0
    valkey_memory_bytes: int = 0


class EmbeddedServers:
    """Postgres and Valkey in `state_directory`, run by this process. A context manager, for `with`.

    `postgres` and `valkey` say which of the two are wanted. Raises EmbeddedServerError if another process has the
    directory (the message names its pid) or a server does not start.
    """

    def __init__(
        self,
        state_directory: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        tuning: Tuning | None = None,
    ) -> None:
        self.state_directory = state_directory.expanduser().absolute()
        self._tuning = tuning or Tuning({})
        self._want_postgres = postgres
        self._want_valkey = valkey
        self._lock: int | None = None
        self._run_directory: Path | None = None
        self._postgres: EmbeddedPostgres | None = None
        self._valkey: EmbeddedValkey | None = None

    @property
    def postgres_url(self) -> str:
        """The address of the embedded Postgres."""
        if self._postgres is None:
            raise EmbeddedServerError("expected the embedded Postgres to be started")
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        """The address of the embedded Valkey."""
        if self._valkey is None:
            raise EmbeddedServerError("expected the embedded Valkey to be started")
        return self._valkey.url

    @property
    def pids(self) -> dict[str, int | None]:
        """The process ids of the servers by name, None for one that is just being restarted."""
        return {server.child.name: server.child.pid for server in self._servers()}

    def check(self) -> None:
        """Raise the EmbeddedServerError of a server that was given up after repeated crashes."""
        for server in self._servers():
            if server.child.failure is not None:
                raise server.child.failure

    def start(self) -> None:
        """Take the state directory and start the servers; returns when both accept work (first start: 2 s)."""
        state = self.state_directory
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._lock = _take_lock(state)
        except OSError as error:
            raise _unusable(state, error) from None
        try:
            self._start_servers(state)
        except BaseException:
            self.stop()
            raise

    def _start_servers(self, state: Path) -> None:
        account = choose_account(state / "postgres")
        if (closed := unreachable_directory(state, account)) is not None:
            raise EmbeddedServerError(
                f"expected a state directory that the account {account.name} can enter, because Postgres does not "
                f"run as root; {closed} (mode {closed.stat().st_mode & 0o777:o}) on the way to {state} is closed to "
                "it. Set INDEXER_STATE_DIR to another place, such as /var/lib/indexer"
            )
        password = _password(state)
        run_directory = self._run_directory = _run_directory(state)
        account.owns(run_directory)
        logs = state / "logs"
        logs.mkdir(exist_ok=True, mode=0o700)
        memory = machine_memory_bytes()
        if self._want_valkey:
            self._valkey = EmbeddedValkey(
                run_directory=run_directory,
                copies=state / "programs",
                log_file=_fresh_log(logs / "valkey.log"),
                account=account,
                password=password,
                memory_bytes=self._tuning.valkey_memory_bytes or memory // 8,
            )
            self._valkey.start()
        if self._want_postgres:
            settings = tuned_settings(self._tuning.postgres_memory_bytes or memory)
            self._postgres = EmbeddedPostgres(
                state / "postgres",
                run_directory=run_directory,
                copies=state / "programs",
                log_file=_fresh_log(logs / "postgres.log"),
                account=account,
                password=password,
                settings={**settings, **self._tuning.postgres},
            )
            self._postgres.start()
        addresses = Addresses(
            os.getpid(),
            self._postgres.url if self._postgres else None,
            self._valkey.url if self._valkey else None,
        )
        _write_private(state / "addresses.json", msgspec.json.encode(addresses))

    def stop(self) -> None:
        """Stop the servers, then give the state directory back. May be called twice."""
        for server in self._servers():
            server.stop()
        if self._lock is not None:
            (self.state_directory / "addresses.json").unlink(missing_ok=True)
            if self._run_directory is not None and self._run_directory.parent != self.state_directory:
                shutil.rmtree(self._run_directory)
            os.close(self._lock)
            self._lock = None

    def _servers(self) -> list[EmbeddedPostgres | EmbeddedValkey]:
        return [server for server in (self._postgres, self._valkey) if server is not None]

    def __enter__(self) -> EmbeddedServers:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextlib.asynccontextmanager
async def embedded_servers(
    state_directory: Path, *, postgres: bool = True, valkey: bool = True, tuning: Tuning | None = None
) -> AsyncIterator[EmbeddedServers]:
    """`EmbeddedServers` for Trio and asyncio: starting and stopping wait in a thread."""
    servers = EmbeddedServers(state_directory, postgres=postgres, valkey=valkey, tuning=tuning)
    await anyio.to_thread.run_sync(servers.start)
    try:
        yield servers
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(servers.stop)


def running_addresses(state_directory: Path) -> Addresses | None:
    """Return where the servers of `state_directory` listen if a living process runs them, else None."""
    state = state_directory.expanduser().absolute()
    if _lock_holder(state) is None:
        return None
    try:
        return msgspec.json.decode((state / "addresses.json").read_bytes(), type=Addresses)
    except FileNotFoundError:
        return None


def machine_memory_bytes() -> int:
    """Return the memory that we may use: the machine's, or our control group's limit where that is less."""
    limits = [int(psutil.virtual_memory().total)]
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            limits.append(int(Path(name).read_text()))
    return min(limits)


def _unusable(state: Path, error: OSError) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"expected a state directory that this account can use, got {state}: {error.strerror}. "
        "Set INDEXER_STATE_DIR to another directory"
    )


def _take_lock(state: Path) -> int:
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 32).decode().strip() or "unknown"
        os.close(lock)
        raise EmbeddedServerError(
            f"expected the state directory {state} to be free; process {holder} uses it. "
            "Stop that process, or set INDEXER_STATE_DIR to another directory"
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def _lock_holder(state: Path) -> int | None:
    """Return the pid that holds the state directory's lock, None if nobody does."""
    try:
        lock = os.open(state / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(state, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return int(os.read(lock, 32) or b"0")
    finally:
        os.close(lock)
    return None


def _password(state: Path) -> str:
    """Return the servers' password, made at the first start."""
    file = state / "password"
    with contextlib.suppress(FileNotFoundError):
        return file.read_text()
    password = secrets.token_hex(24)
    _write_private(file, password.encode())
    return password


def _run_directory(state: Path) -> Path:
    """Return the sockets' directory: below the state directory if its path is short enough for a socket's name."""
    run_directory = state / "run"
    if len(os.fsencode(run_directory / ".s.PGSQL.5432.lock")) > _LONGEST_SOCKET_PATH:
        name = f"indexer-{os.geteuid()}-{hashlib.sha256(os.fsencode(state)).hexdigest()[:16]}"
        run_directory = Path(tempfile.gettempdir()) / name
    run_directory.mkdir(exist_ok=True, mode=0o700)
    if run_directory.is_symlink() or run_directory.stat().st_mode & 0o077:
        raise EmbeddedServerError(
            f"expected {run_directory} to be a directory that nobody else can enter; it is not"
        )
    return run_directory


def _fresh_log(log: Path) -> Path:
    """Return `log`, moved aside first if it has grown large."""
    if log.exists() and log.stat().st_size > _LOG_BYTES_KEPT:
        log.replace(log.with_name(log.name + ".1"))
    return log


def _write_private(file: Path, content: bytes) -> None:
    partial = file.with_name(file.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)
    partial.replace(file)


@contextlib.contextmanager
def ephemeral_servers(tuning: Tuning | None = None) -> Iterator[EmbeddedServers]:
    """Servers in a new temporary directory that disappears with them: for tests and benchmarks."""
    with tempfile.TemporaryDirectory(prefix="indexer-") as directory:
        os.chmod(directory, 0o711)
        with EmbeddedServers(Path(directory) / "state", tuning=tuning) as servers:
            yield servers
