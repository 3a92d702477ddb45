"""The house: README, CI and container files say what the program is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from indexer.cli.commands import COMMANDS
from indexer.cli.exit_codes import MEANINGS
from indexer.config import load, settings_info

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCKER_INSTRUCTIONS = {"FROM", "RUN", "COPY", "USER", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"}


def code_after(marker: str) -> str:
    match = re.search(rf"<!-- {marker} -->\n```sh\n(.*?)\n```", README, re.DOTALL)
    assert match is not None
    return match[1]


def test_the_readme_has_one_command_to_start_and_one_to_test() -> None:
    for marker in ("start", "tests"):
        assert "\n" not in code_after(marker)
        assert code_after(marker).startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_ci_runs_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    (line,) = (line for line in script.splitlines() if line.startswith("command="))
    done = subprocess.run(
        ["bash", "-c", f'root="{ROOT}"; {line}; printf %s "$command"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == code_after("tests")


def test_the_readme_lists_the_exit_codes() -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE))
    assert table == {str(code): meaning for code, meaning in MEANINGS.items()}


def test_the_readme_names_commands_and_settings_that_exist() -> None:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    commands = set(re.findall(r"(?:^|[\s/])indexer ([a-z][a-z-]*)", blocks))
    assert commands <= set(COMMANDS)
    known = {info.variable for info in settings_info().values()}
    assert set(re.findall(r"INDEXER_[A-Z_]*[A-Z]", README)) <= known


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())


def test_compose_wires_what_it_starts(compose: Any) -> None:
    services = compose["services"]
    assert set(services["indexer"]["depends_on"]) == {"postgres", "valkey"}
    build = services["indexer"]["build"]
    assert (ROOT / "docker" / build["context"] / build["dockerfile"]).is_file()
    assert services["indexer"]["command"][0] in COMMANDS
    environment = {
        name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
        for name, value in services["indexer"]["environment"].items()
    }
    loaded = load({}, environment).settings
    assert loaded.postgres_url is not None
    assert "@postgres/" in loaded.postgres_url
    assert loaded.redis_url is not None
    assert "valkey" in loaded.redis_url


def test_the_dockerfile_is_one() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("FROM ")
    assert {line.split()[0] for line in lines} <= DOCKER_INSTRUCTIONS
    variables = dict(re.findall(r"(INDEXER_\w+)=(\S+)", text))
    assert load({}, variables).settings.api_host == "0.0.0.0"
    (command,) = re.findall(r'^CMD \["(\w+)"\]$', text, re.MULTILINE)
    assert command in COMMANDS
