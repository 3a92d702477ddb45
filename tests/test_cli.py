"""The command line: help, refusals, exit codes, and that it starts at once."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from indexer import cli, errors
from indexer.cli.commands import COMMANDS
from indexer.cli.exit_codes import exit_code
from indexer.ops.embedded import EmbeddedServers
from indexer.store.migrate import migrations


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    return subprocess.run(
        [sys.executable, "-m", "indexer", *arguments],
        capture_output=True,
        text=True,
        env={**clean, **environment},
        timeout=60,
    )


def wait_for_rows(url: str) -> None:
    """Wait until likes are in the database."""

    async def wait() -> None:
        connection = await asyncpg.connect(url)
        try:
            async with asyncio.timeout(60):
                while not await _has_likes(connection):  # noqa: ASYNC110 (a database)
                    await asyncio.sleep(0.02)
        finally:
            await connection.close()

    asyncio.run(wait())


async def _has_likes(connection: Any) -> bool:
    if await connection.fetchval("SELECT to_regclass('\"like\"')") is None:
        return False
    return bool(await connection.fetchval('SELECT EXISTS (SELECT FROM "like")'))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    assert COMMANDS[command].help[1:] in " ".join(capsys.readouterr().out.split())


def test_a_bad_option_ends_with_2_and_says_why() -> None:
    done = run("config", "--batch-events", "none")
    assert done.returncode == 2
    assert (
        done.stderr
        == "indexer config: batch_events: expected a whole number, got 'none' - from option --batch-events\n"
    )
    assert done.stdout == ""


def test_an_unknown_variable_ends_with_2_and_a_suggestion() -> None:
    done = run("config", INDEXER_UPSTREEMS="ws://x")
    assert done.returncode == 2
    assert "did you mean upstreams?" in done.stderr


@pytest.mark.parametrize("arguments", [["bogus"], ["config", "--bogus"], []])
def test_unknown_words_end_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: indexer")


def test_config_prints_effective_values_with_their_sources() -> None:
    done = run("config", "--json", "--shard", "1/2", "--no-cache-enabled", INDEXER_BATCH_EVENTS="7")
    assert done.returncode == 0
    printed = json.loads(done.stdout)
    assert printed["shard"] == {"value": "1/2", "source": "option --shard"}
    assert printed["cache_enabled"] == {"value": False, "source": "option --cache-enabled"}
    assert printed["batch_events"] == {"value": 7, "source": "INDEXER_BATCH_EVENTS"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.FileFormatError("x"), 65),
        (errors.StoreError("x"), 69),
        (errors.SchemaTooNew("x"), 1),
        (errors.FutureCursor("x"), 1),
        (errors.HostUnavailable("x", 0.0), 69),
        (errors.InvariantBroken("x"), 70),
        (ZeroDivisionError(), 70),
        (KeyboardInterrupt(), 130),
        (ExceptionGroup("x", [ExceptionGroup("y", [errors.CacheError("z")])]), 69),
        (ExceptionGroup("x", [errors.CacheError("z"), errors.InvariantBroken("w")]), 70),
        (BaseExceptionGroup("x", [KeyboardInterrupt(), errors.InvariantBroken("w")]), 130),
        (BaseExceptionGroup("x", [BaseExceptionGroup("y", [SystemExit(143)])]), 143),
    ],
)
def test_exit_codes_follow_the_errors(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_help_imports_nothing_heavy() -> None:
    heavy = "trio,asyncpg,redis,granian,httpx,cryptography,rich"
    script = (
        "import sys\nfrom indexer import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in '{heavy}'.split(',') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_servers_of_the_state_directory_serve_one_command_after_another() -> None:
    with TemporaryDirectory(prefix="indexer-test-") as directory:
        os.chmod(directory, 0o711)
        state = {"INDEXER_STATE_DIR": f"{directory}/state"}
        first = run("migrate", **state)
        assert first.returncode == 0, first.stderr
        assert first.stdout == "".join(f"applied {migration.name}\n" for migration in migrations())
        assert run("migrate", **state).stdout == "the schema is up to date\n"
        status = json.loads(run("status", "--json", **state).stdout)
        assert status["store"]["migrations"] == len(migrations())
        assert status["cache"]["reachable"]
        assert (status["ingest"], status["api"]) == (None, False)
        assert "api        not running" in run("status", **state).stdout


def test_an_unreachable_database_ends_with_69() -> None:
    done = run(
        "migrate",
        INDEXER_POSTGRES_URL="postgresql://127.0.0.1:1/none",
        INDEXER_REDIS_URL="redis://127.0.0.1:1",
    )
    assert done.returncode == 69
    assert done.stderr.startswith("indexer migrate: cannot use database 'none' on 127.0.0.1:1: ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            "simulate --write x --events -1",
            "argument --events: expected a whole number of at least 1, got '-1'",
        ),
        ("simulate --accounts 1", "argument --accounts: expected a whole number of at least 2, got '1'"),
        ("simulate --port 99999", "argument --port: expected a whole number from 0 to 65535, got '99999'"),
        ("demo --rate -5", "argument --rate: expected a number of at least 0, got '-5'"),
        ("demo --rate nan", "argument --rate: expected a number of at least 0, got 'nan'"),
        (
            "bench ingest --simulate many",
            "argument --simulate: expected a whole number of at least 1, got 'many'",
        ),
        ("bench ingest --rate 0", "argument --rate: expected a number above 0, got '0'"),
        ("bench read --viewers 0", "argument --viewers: expected a whole number of at least 1, got '0'"),
    ],
)
def test_numbers_out_of_range_are_refused_before_any_work(
    arguments: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments.split())
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("what", ["ingest", "read"])
def test_a_chart_that_could_not_be_written_is_refused_before_anything_is_measured(
    what: str, tmp_path: Path
) -> None:
    done = run("bench", what, "--plot", str(tmp_path / "none" / "chart.svg"))
    assert done.returncode == 2
    assert done.stderr.startswith("indexer bench: plot: expected a file in a directory that exists, got ")


@pytest.mark.parametrize("what", ["ingest", "read"])
def test_a_benchmark_of_more_events_than_its_accounts_can_have_is_refused(what: str) -> None:
    done = run("bench", what, "--accounts", "2", "--simulate", "900000")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "indexer bench: expected at most 800 events for 2 accounts of 400 records, got "
    )


def test_the_api_says_what_is_wrong_with_its_database(empty_postgres_url: str) -> None:
    redis = "redis://127.0.0.1:1"
    away = run("api", INDEXER_POSTGRES_URL="postgresql://127.0.0.1:1/none", INDEXER_REDIS_URL=redis)
    assert away.returncode == 69
    assert away.stderr.startswith("indexer api: cannot use database 'none' on 127.0.0.1:1: ")
    empty = run("api", INDEXER_POSTGRES_URL=empty_postgres_url, INDEXER_REDIS_URL=redis)
    assert empty.returncode == 69
    assert "run `indexer migrate`" in empty.stderr


def test_a_taken_port_of_the_apis_metrics_is_refused(postgres_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(
            "api",
            INDEXER_POSTGRES_URL=postgres_url,
            INDEXER_REDIS_URL="redis://127.0.0.1:1",
            INDEXER_API_METRICS_PORT=str(port),
        )
    assert done.returncode == 2
    assert f"metrics_host 127.0.0.1, api_metrics_port {port}: Address already in use" in done.stderr


def test_files_that_are_none_end_with_65(tmp_path: Path, empty_postgres_url: str) -> None:
    servers = {"INDEXER_POSTGRES_URL": empty_postgres_url, "INDEXER_REDIS_URL": "redis://127.0.0.1:1"}
    frames, documents = tmp_path / "x.frames", tmp_path / "x.json"
    frames.write_bytes(b"")
    for text in ("{bad", "[1]"):
        documents.write_text(text)
        done = run("replay", str(frames), "--docs", str(documents), **servers)
        assert done.returncode == 65
        assert f"{documents}: expected DID documents as one JSON object" in done.stderr
    done = run("export-private", str(tmp_path), **servers)
    assert done.returncode == 65
    assert (
        done.stderr == f"indexer export-private: expected the name of a file, got a directory: {tmp_path}\n"
    )


@pytest.mark.parametrize(("which", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_replay_says_nothing_and_can_be_repeated(
    which: signal.Signals, code: int, empty_postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.frames"
    assert run("simulate", "--write", str(file), "--events", "20000", "--accounts", "500").returncode == 0
    servers = {"INDEXER_POSTGRES_URL": empty_postgres_url, "INDEXER_REDIS_URL": redis_url}
    begun = subprocess.Popen(
        [sys.executable, "-m", "indexer", "replay", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **servers, "INDEXER_BATCH_EVENTS": "500"},
    )
    wait_for_rows(empty_postgres_url)
    begun.send_signal(which)
    said, problems = begun.communicate(timeout=60)
    assert (begun.returncode, said) == (code, "")
    assert "Traceback" not in problems
    assert json.loads(run("replay", str(file), "--json", **servers).stdout)["frames"] == 20_000
    assert run("audit", **servers).stdout == "every count equals its rows\n"


def test_a_state_directory_that_cannot_be_used_ends_with_69() -> None:
    done = run("migrate", INDEXER_STATE_DIR="/dev/null/state")
    assert done.returncode == 69
    assert (
        "expected a state directory that this account can use, got /dev/null/state: Not a directory"
        in done.stderr
    )


def test_tokens_are_for_simulated_accounts_and_our_service() -> None:
    done = run("token", "--as", "ada0.test", "--service-did", "did:web:example.com")
    claims = json.loads(base64.urlsafe_b64decode(done.stdout.split(".")[1] + "=="))
    assert claims["aud"] == "did:web:example.com"
    assert claims["lxm"] == "app.bsky.feed.getTimeline"
    refused = run("token", "--as", "nobody.test")
    assert refused.returncode == 2
    assert "such as ada0.test; got nobody.test" in refused.stderr


def test_sigterm_ends_a_daemon_with_0_and_takes_its_servers_along() -> None:
    with TemporaryDirectory(prefix="indexer-test-") as directory:
        os.chmod(directory, 0o711)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
        daemon = subprocess.Popen(
            [sys.executable, "-m", "indexer", "api", "--api-port", "0", "--state-dir", f"{directory}/state"],
            env=clean,
            stderr=subprocess.DEVNULL,
        )
        started = Path(directory) / "state" / "postgres.partial"  # its servers are just being made
        deadline = time.monotonic() + 30
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        daemon.terminate()
        assert daemon.wait(60) == 0
        with EmbeddedServers(Path(directory) / "state"):
            pass
