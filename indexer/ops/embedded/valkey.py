"""An embedded Valkey: how it is started and stopped.

Listens on a Unix socket only and keeps nothing on disk: the cache holds nothing that Postgres does not. Knows nothing
about keys.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from indexer.ops.embedded.binaries import Account, valkey_program
from indexer.ops.embedded.child import SupervisedChild


class EmbeddedValkey:
    """A Valkey that is reachable at `url` while it runs and uses at most `memory_bytes` for data."""

    def __init__(
        self,
        *,
        run_directory: Path,
        copies: Path,
        log_file: Path,
        account: Account,
        password: str,
        memory_bytes: int,
    ) -> None:
        self._run_directory = run_directory
        # A predecessor whose owner was killed may still be shutting down, and unlinks its socket as its last act.
        self._socket = run_directory / f"valkey-{os.getpid()}.sock"
        self._configuration = run_directory / "valkey.conf"
        self._program = valkey_program(account, copies)
        self._account = account
        self._password = password
        self._memory_bytes = memory_bytes
        self.child = SupervisedChild(
            "valkey",
            command=lambda: [str(self._program), str(self._configuration)],
            prepare=self._prepare,
            is_ready=self._is_ready,
            account=account,
            log_file=log_file,
            stop_signals=((signal.SIGTERM, 10.0),),
        )

    @property
    def url(self) -> str:
        """The server's address as redis-py reads it: a Unix socket and a password."""
        return f"unix://:{quote(self._password, safe='')}@{quote(str(self._socket), safe='/')}"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises EmbeddedServerError if it does not start."""
        self.child.start()

    def stop(self) -> None:
        """Stop the server; what it held is gone."""
        self.child.stop()

    def _prepare(self) -> None:
        for left_over in self._run_directory.glob("valkey-*.sock"):
            left_over.unlink(missing_ok=True)
        lines = [
            "port 0",
            f"unixsocket {self._socket}",
            "unixsocketperm 700",
            f"requirepass {self._password}",
            f"dir {self._run_directory}",
            'save ""',
            "appendonly no",
            f"maxmemory {self._memory_bytes}",
            "maxmemory-policy allkeys-lru",
            # home timelines (up to 900 entries) stay in the compact form: 22 KB instead of 70
            "zset-max-listpack-entries 1024",
            "daemonize no",
        ]
        self._configuration.touch(mode=0o600)
        self._account.owns(self._configuration)
        self._configuration.write_text("\n".join(lines) + "\n")

    def _is_ready(self, _pid: int) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._socket))
                connection.sendall(f"AUTH {self._password}\r\n".encode())
                return connection.recv(64).startswith(b"+OK")
            except OSError:
                return False
