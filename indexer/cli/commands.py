"""The table of commands: name, one line of help, settings they take, own arguments, and the function that runs them.

Each function is thin: it calls the package that owns the work, which it imports only then, so that `indexer --help`
and errors about settings come at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from indexer import __version__
from indexer.config import Loaded


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    return


@dataclass(frozen=True)
class Command:
    """One command. `run` takes the settings and the parsed arguments and returns the exit code."""

    name: str
    help: str
    run: Callable[[Loaded, argparse.Namespace], int]
    groups: tuple[str, ...] = ()
    add_arguments: Callable[[argparse.ArgumentParser], None] = _no_arguments


ALL_GROUPS = ("servers", "ingest", "identity", "api", "operations")


def _json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _config_arguments(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--markdown", action="store_true", help="print the settings' documentation")


def _config(loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli import configuration

    if arguments.markdown:
        print(configuration.as_markdown(), end="")
    elif arguments.json:
        print(configuration.as_json(loaded))
    else:
        print(configuration.as_table(loaded), end="")
    return 0


def _version(_loaded: Loaded, _arguments: argparse.Namespace) -> int:
    print(f"indexer {__version__}")
    return 0


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "config",
            "print the effective settings and where each comes from",
            _config,
            ALL_GROUPS,
            _config_arguments,
        ),
        Command("version", "print the program's version", _version),
    )
}
