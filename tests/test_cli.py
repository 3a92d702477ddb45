"""The command line: help, refusals, exit codes, and that it starts at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from indexer import cli, errors
from indexer.cli.commands import COMMANDS
from indexer.cli.exit_codes import exit_code


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    return subprocess.run(
        [sys.executable, "-m", "indexer", *arguments],
        capture_output=True,
        text=True,
        env={**clean, **environment},
        timeout=60,
    )


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
        == "indexer config: batch_events: expected `int`, got 'none' - from option --batch-events\n"
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
        (errors.InvariantBroken("x"), 70),
        (ZeroDivisionError(), 70),
        (KeyboardInterrupt(), 130),
        (ExceptionGroup("x", [ExceptionGroup("y", [errors.CacheError("z")])]), 69),
        (ExceptionGroup("x", [errors.CacheError("z"), errors.InvariantBroken("w")]), 70),
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
