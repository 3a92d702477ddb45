"""The embedded servers: start, crash, kill -9 of everything, locks, both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest
import redis

from indexer.errors import EmbeddedServerError
from indexer.ops.embedded import EmbeddedServers, Tuning, embedded_servers, running_addresses

Result = TypeVar("Result")

_SMALL = Tuning(postgres={"fsync": "off", "shared_buffers": "32MB"}, valkey_memory_bytes=2**25)

_DAEMON = """
import sys, time
from pathlib import Path
from indexer.ops.embedded import EmbeddedServers, Tuning
with EmbeddedServers(Path(sys.argv[1]), tuning=Tuning({"fsync": "off", "shared_buffers": "32MB"})) as servers:
    print(servers.postgres_url, *servers.pids.values(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory that an unprivileged account can enter, which pytest's own are not under root."""
    with TemporaryDirectory(prefix="indexer-test-") as directory:
        os.chmod(directory, 0o711)
        yield Path(directory) / "state"


def query(url: str, sql: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def start_daemon(state: Path) -> tuple[subprocess.Popen[str], str, list[int]]:
    daemon = subprocess.Popen([sys.executable, "-c", _DAEMON, str(state)], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    url, *pids = daemon.stdout.readline().split()
    return daemon, url, [int(pid) for pid in pids]


def end(daemon: subprocess.Popen[str]) -> None:
    daemon.kill()
    daemon.wait()
    assert daemon.stdout is not None
    daemon.stdout.close()


def kill_everything(daemon: subprocess.Popen[str]) -> None:
    family = [psutil.Process(daemon.pid), *psutil.Process(daemon.pid).children(recursive=True)]
    for signal_all in (
        psutil.Process.suspend,
        psutil.Process.kill,
    ):  # first, so that nobody notices anybody's end
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                signal_all(process)
    end(daemon)


def test_data_survives_a_restart_and_the_cache_does_not(state: Path) -> None:
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        url = servers.postgres_url
        query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(servers.redis_url) as client:
            client.set("gone", "1")
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        assert servers.postgres_url == url
        assert query(url, "SELECT answer FROM kept") == 42
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.get("gone") is None
    assert running_addresses(state) is None


def test_servers_do_not_run_as_root(state: Path) -> None:
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        for pid in servers.pids.values():
            assert psutil.Process(pid).uids().real != 0


def test_servers_do_not_get_our_secrets(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEXER_ADMIN_PASSWORD", "secret")
    monkeypatch.setenv("PGPORT", "1")
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        for pid in servers.pids.values():
            assert "INDEXER_ADMIN_PASSWORD" not in psutil.Process(pid).environ()
        assert query(servers.postgres_url, "SELECT 1") == 1


def test_settings_override_the_tuned_ones(state: Path) -> None:
    tuning = Tuning(postgres={"shared_buffers": "40MB", "fsync": "off", "work_mem": "7MB"})
    with EmbeddedServers(state, valkey=False, tuning=tuning) as servers:
        assert query(servers.postgres_url, "SHOW shared_buffers") == "40MB"
        assert query(servers.postgres_url, "SHOW work_mem") == "7MB"
        assert query(servers.postgres_url, "SHOW jit") == "off"


def test_a_refused_setting_is_told_with_the_servers_own_words(state: Path) -> None:
    servers = EmbeddedServers(state, valkey=False, tuning=Tuning({"shared_buffers": "plenty"}))
    with pytest.raises(EmbeddedServerError, match='invalid value for parameter "shared_buffers": "plenty"'):
        servers.start()
    with EmbeddedServers(state, valkey=False, tuning=_SMALL) as again:  # nothing stayed locked or half-made
        assert query(again.postgres_url, "SELECT 1") == 1


@pytest.mark.parametrize("which", ["postgres", "valkey"])
def test_a_killed_server_comes_back_at_the_same_address(state: Path, which: str) -> None:
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        query(servers.postgres_url, "CREATE TABLE kept AS SELECT 42 AS answer")
        old = servers.pids[which]
        assert old is not None
        os.kill(old, signal.SIGKILL)
        assert eventually(lambda: servers.pids[which] not in (None, old))

        def works() -> bool:
            try:
                with redis.Redis.from_url(servers.redis_url) as client:
                    client.ping()
                return query(servers.postgres_url, "SELECT answer FROM kept") == 42
            except (OSError, asyncpg.PostgresError, redis.ConnectionError):
                return False

        assert eventually(works)
        servers.check()


def test_killing_the_owner_ends_its_servers_and_the_next_start_recovers(state: Path) -> None:
    daemon, url, pids = start_daemon(state)
    query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    addresses = running_addresses(state)
    assert addresses is not None
    assert (addresses.pid, addresses.postgres_url) == (daemon.pid, url)
    end(daemon)
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        assert query(servers.postgres_url, "SELECT answer FROM kept") == 42
        assert eventually(lambda: not any(map(_alive, pids)))


def test_killing_everything_at_once_loses_nothing_committed(state: Path) -> None:
    daemon, url, _ = start_daemon(state)
    query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    kill_everything(daemon)
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        assert query(servers.postgres_url, "SELECT answer FROM kept") == 42


def test_a_lock_file_that_names_somebody_elses_pid_is_no_obstacle(state: Path) -> None:
    daemon, _, _ = start_daemon(state)
    kill_everything(daemon)
    lock_file = state / "postgres" / "postmaster.pid"
    lines = lock_file.read_text().splitlines()
    lock_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with EmbeddedServers(state, tuning=_SMALL) as servers:
        assert query(servers.postgres_url, "SELECT 1") == 1


def test_a_half_made_database_is_made_again(state: Path) -> None:
    (state / "postgres.partial").mkdir(parents=True)
    (state / "postgres.partial" / "PG_VERSION").write_text("18\n")
    with EmbeddedServers(state, valkey=False, tuning=_SMALL) as servers:
        assert query(servers.postgres_url, "SELECT 1") == 1


def test_a_state_directory_has_one_owner(state: Path) -> None:
    with (
        EmbeddedServers(state, postgres=False, tuning=_SMALL),
        pytest.raises(EmbeddedServerError, match=f"to be free; process {os.getpid()} uses it"),
    ):
        EmbeddedServers(state, postgres=False, tuning=_SMALL).start()


def test_data_of_another_postgres_version_is_refused(state: Path) -> None:
    (state / "postgres").mkdir(parents=True)
    (state / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(
        EmbeddedServerError, match=r"expected data of Postgres 18 .* found data of Postgres 15"
    ):
        EmbeddedServers(state, valkey=False, tuning=_SMALL).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_a_state_directory_behind_a_closed_door_is_refused_with_a_way_out(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(EmbeddedServerError, match=r"is closed to it. Set INDEXER_STATE_DIR"):
        EmbeddedServers(tmp_path / "state", tuning=_SMALL).start()


def test_a_long_path_is_no_obstacle(state: Path) -> None:
    long_state = state / ("deep" * 10) / ("deeper" * 10)
    with EmbeddedServers(long_state, tuning=_SMALL) as servers:
        assert query(servers.postgres_url, "SELECT 1") == 1
        sockets = Path(parse_qs(urlsplit(servers.postgres_url).query)["host"][0])
        assert sockets.is_dir()
    assert not sockets.exists()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio", "asyncio"])
async def test_both_event_loops_can_run_them(state: Path, anyio_backend: str) -> None:
    async with embedded_servers(state, postgres=False, tuning=_SMALL) as servers:
        assert servers.pids["valkey"] is not None
    assert servers.pids["valkey"] is None


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
