"""The command line's grammar, made from the commands' table and the settings' descriptions.

Knows how options are written, not what they do.
"""

from __future__ import annotations

import argparse
from typing import Any

from indexer import __version__
from indexer.cli.commands import COMMANDS, Command
from indexer.cli.exit_codes import MEANINGS
from indexer.config import SettingInfo, settings_info, to_text

_SETTING = "setting:"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="indexer",
        description="An AppView for the AT Protocol: follows a firehose, indexes it, answers app.bsky.*.",
        epilog="exit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"indexer {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        _add_command(commands, command)
    return parser


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line named, by name."""
    return {
        name.removeprefix(_SETTING): value
        for name, value in vars(arguments).items()
        if name.startswith(_SETTING)
    }


def _add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser], command: Command) -> None:
    parser = commands.add_parser(
        command.name,
        help=command.help,
        description=command.help[0].upper() + command.help[1:] + ".",
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    parser.add_argument("--config", metavar="FILE", help="settings file (TOML); INDEXER_CONFIG names it too")
    for group in command.groups:
        section = parser.add_argument_group(f"{group} settings")
        for info in settings_info().values():
            if info.option.group == group:
                _add_setting(section, info)


def _add_setting(section: argparse._ArgumentGroup, info: SettingInfo) -> None:
    default = to_text(info.default) or "unset"
    text = f"{info.option.help} ({default}{f' {info.option.unit}' if info.option.unit else ''})".replace(
        "%", "%%"
    )
    destination = _SETTING + info.name
    if info.is_bool:
        section.add_argument(
            info.flag,
            dest=destination,
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help=text,
        )
    else:
        metavar = "A,B" if info.is_list else info.name.rpartition("_")[2].upper()
        section.add_argument(
            info.flag, dest=destination, metavar=metavar, default=argparse.SUPPRESS, help=text
        )
