"""The settings as people read them: a table, JSON, and the page docs/CONFIGURATION.md.

Secrets are masked in all of them.
"""

from __future__ import annotations

from typing import Literal, get_args, get_origin

import msgspec

from indexer.config import Loaded, SettingInfo, masked, settings_info, to_text

_PAGE_HEAD = """# Configuration

<!-- Written by `indexer config --markdown`; a test compares. Change indexer/config.py instead. -->

Each source overrides the one before: defaults, a TOML file (`--config FILE` or `INDEXER_CONFIG`; names as below),
variables (`INDEXER_` and the name in capitals), options of the command line (`--` and the name with hyphens). Lists are
TOML lists in the file, else separated by commas. An unknown name or a bad value is refused, whatever its source.
`indexer config` prints the effective values with their sources.

In Kubernetes a service that is named `indexer` puts variables of its own, such as `INDEXER_PORT`, into every pod, which
are refused as unknown: set `enableServiceLinks: false`.
"""


def as_table(loaded: Loaded) -> str:
    """Return `name = value  # source` lines, readable as a settings file."""
    lines = []
    for name, info in settings_info().items():
        value = masked(info, getattr(loaded.settings, name))
        lines.append(
            (f"# {name} is unset" if value is None else f"{name} = {_toml(value)}", loaded.sources[name])
        )
    width = min(max(len(left) for left, _ in lines), 60)
    return "".join(f"{left:<{width}}  # {source}\n" for left, source in lines)


def as_json(loaded: Loaded) -> str:
    """Return one JSON object: name -> {value, source}."""
    return msgspec.json.encode(
        {
            name: {"value": masked(info, getattr(loaded.settings, name)), "source": loaded.sources[name]}
            for name, info in settings_info().items()
        }
    ).decode()


def as_markdown() -> str:
    """Return the page that documents every setting."""
    parts = [_PAGE_HEAD]
    group = ""
    for info in settings_info().values():
        if info.option.group != group:
            group = info.option.group
            parts.append(
                f"\n## {group.capitalize()}\n\n| setting | takes | default | meaning |\n|---|---|---|---|\n"
            )
        default = "the user's state directory" if info.name == "state_dir" else to_text(info.default)
        parts.append(
            f"| `{info.name}` | {_takes(info)} | {f'`{default}`' if default else ''} | {info.option.help} |\n"
        )
    return "".join(parts)


def _takes(info: SettingInfo) -> str:
    kind = info.type
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if info.option.expected:
        return info.option.expected.removeprefix("a ")
    if info.is_bool:
        return "`true`, `false`"
    return info.option.unit or "text"


def _toml(value: object) -> str:
    # JSON's text, numbers, booleans and lists of text are TOML's too.
    return msgspec.json.encode(value).decode()
