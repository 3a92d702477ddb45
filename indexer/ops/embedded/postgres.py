"""An embedded Postgres: a data directory, how it is made, started, recovered and stopped.

Owns one directory below the state directory. Listens on a Unix socket only; the password is ours and random.
Knows nothing about schemas.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psutil

from indexer.errors import EmbeddedServerError
from indexer.ops.embedded.binaries import Account, postgres_programs, server_environment
from indexer.ops.embedded.child import SupervisedChild

USER = DATABASE = "indexer"
_BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
_PORT = 5432  # only part of the socket's name
_STATUS_LINE = 7  # of postmaster.pid, counted from 0; pg_ctl reads the same line


def tuned_settings(memory_bytes: int) -> dict[str, str]:
    """Return Postgres settings for one ingest writer and many short reads on a machine with this much memory."""
    megabytes = memory_bytes // 2**20
    return {
        "max_connections": "200",
        "shared_buffers": f"{min(max(megabytes // 4, 128), 8192)}MB",
        "effective_cache_size": f"{max(megabytes // 2, 256)}MB",
        "maintenance_work_mem": f"{min(max(megabytes // 16, 64), 1024)}MB",
        "work_mem": "16MB",
        "max_wal_size": "8GB",
        "min_wal_size": "512MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "wal_compression": "off",  # the wheel has no lz4, and pglz costs more than the bytes it saves
        "wal_buffers": "64MB",
        "wal_init_zero": "off",  # a batch fills a new segment: writing it twice is a fiftieth of the session's time
        "synchronous_commit": "on",
        "jit": "off",
        "random_page_cost": "1.1",
        "max_parallel_workers_per_gather": "0",
        "autovacuum_vacuum_scale_factor": "0.1",
        "autovacuum_analyze_scale_factor": "0.05",
        "log_checkpoints": "off",
    }


class EmbeddedPostgres:
    """A Postgres in `directory`, reachable at `url` while it runs; `settings` override the tuned ones.

    The address stays the same over restarts, so connection pools find it again after a crash.
    """

    def __init__(
        self,
        directory: Path,
        *,
        run_directory: Path,
        copies: Path,
        log_file: Path,
        account: Account,
        password: str,
        settings: Mapping[str, str],
    ) -> None:
        self.directory = directory
        self._run_directory = run_directory
        self._programs = postgres_programs(account, copies)
        self._account = account
        self._password = password
        self._settings = dict(settings)
        self._log_file = log_file
        self.child = SupervisedChild(
            "postgres",
            command=self._command,
            prepare=self._clear_predecessor,
            is_ready=self._is_ready,
            account=account,
            log_file=log_file,
            # fast shutdown, immediate shutdown (recovered at the next start)
            stop_signals=((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0)),
        )

    @property
    def url(self) -> str:
        """The address of the program's database, as a libpq URL with the socket's directory as `host`."""
        return (
            f"postgresql://{USER}:{quote(self._password, safe='')}@/{DATABASE}"
            f"?host={quote(str(self._run_directory), safe='/')}&port={_PORT}"
        )

    def start(self) -> None:
        """Create the database cluster on the first start, then start the server and wait until it accepts work.

        Raises EmbeddedServerError with the end of the server's log if it cannot be started.
        """
        if not (self.directory / "PG_VERSION").exists():
            self._create()
        self._check_version()
        self.child.start()

    def stop(self) -> None:
        """Stop the server: sessions are ended, a checkpoint is written."""
        self.child.stop()

    def _create(self) -> None:
        """Run initdb beside the final place and move the result there, so that a half-made cluster is never used."""
        partial = self.directory.with_name(self.directory.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        self._account.owns(partial)
        self._run(
            [
                str(self._programs / "initdb"),
                f"--pgdata={partial}",
                f"--username={USER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
                "--no-sync",
            ],
            "",
        )
        (partial / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        # A random password needs no stretching: one iteration makes connecting cheap for the client.
        self._run(
            [
                str(self._programs / "postgres"),
                "--single",
                "-c",
                "scram_iterations=1",
                "-D",
                str(partial),
                "postgres",
            ],
            _BOOTSTRAP.read_text().format(user=USER, password=self._password, database=DATABASE),
        )
        partial.rename(self.directory)

    def _check_version(self) -> None:
        made_by = (self.directory / "PG_VERSION").read_text().strip()
        answer = subprocess.run(
            [self._programs / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        ours = answer.stdout.split()[-1].split(".")[0]
        if made_by != ours:
            raise EmbeddedServerError(
                f"expected data of Postgres {ours} in {self.directory}, found data of Postgres {made_by}: "
                "use the program's version that made it, or another state directory"
            )

    def _run(self, command: list[str], stdin: str) -> None:
        account = self._account
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.uid >= 0 else {}
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd="/",
            env=server_environment(),
            **identity,  # type: ignore[call-overload]
        )
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise EmbeddedServerError(
                f"{Path(command[0]).name} failed in making the database:\n{done.stderr.strip()}"
            )

    def _command(self) -> list[str]:
        settings = {
            **self._settings,
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(self._run_directory),
            "shared_memory_type": "mmap",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.directory), *options]

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > _STATUS_LINE and lines[0] == str(pid) and lines[_STATUS_LINE].strip() == "ready"

    def _clear_predecessor(self) -> None:
        """Wait for, then end what is left of a killed server; remove its lock files.

        Postgres would trust these for as long as a process with their pid exists: a zombie, or one that reuses it.

        Only we may run a server here: the caller holds the state directory's lock.
        """
        began = time.monotonic()
        while left := processes_working_in(self.directory):
            waited = time.monotonic() - began
            for process in left:
                # Our death signal asked the old server for a fast shutdown: let it finish, then press.
                if waited > 60:
                    _signal(process, signal.SIGKILL)
                elif waited > 30:
                    _signal(process, signal.SIGQUIT)
                elif process.ppid() == 1 or waited > 5:
                    _signal(process, signal.SIGINT if _is_postmaster(process) else signal.SIGQUIT)
            time.sleep(0.05)
        socket = self._run_directory / f".s.PGSQL.{_PORT}"
        for leftover in (self.directory / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
            leftover.unlink(missing_ok=True)


def processes_working_in(directory: Path) -> list[psutil.Process]:
    """Return the live processes whose working directory is `directory`, as it is for every process of a Postgres."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(directory) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # ended meanwhile, or not ours to look at
    return found


def _is_postmaster(process: psutil.Process) -> bool:
    return "-D" in process.cmdline()


def _signal(process: psutil.Process, which: signal.Signals) -> None:
    try:
        process.send_signal(which)
    except psutil.NoSuchProcess:
        return
