"""The table of commands: name, one line of help, settings they take, own arguments, and the function that
runs them.

Each function is thin: it calls the package that owns the work, which it imports only then, so that `indexer
--help` and errors about settings come at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indexer import __version__
from indexer.cli import bench
from indexer.cli.numbers import rate, whole
from indexer.config import Loaded
from indexer.errors import ConfigError, FileFormatError


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    return


@dataclass(frozen=True)
class Command:
    """One command. `run` takes the settings and the parsed arguments and returns the exit code.

    A daemon runs until it is asked to stop, which is then its success.
    """

    name: str
    help: str
    run: Callable[[Loaded, argparse.Namespace], int]
    groups: tuple[str, ...] = ()
    add_arguments: Callable[[argparse.ArgumentParser], None] = _no_arguments
    is_daemon: bool = False


ALL_GROUPS = ("servers", "ingest", "identity", "api", "operations")


def _json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _up(loaded: Loaded, _arguments: argparse.Namespace) -> int:
    from indexer.cli import daemon

    return daemon.run(loaded, announce=daemon.announce_api)


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate", type=rate, default=30.0, help="events a second of the simulated network (30)"
    )


def _demo(loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli import demo

    return demo.run(loaded, arguments.rate)


def _ingest(loaded: Loaded, _arguments: argparse.Namespace) -> int:
    import trio

    from indexer.app import run_ingest
    from indexer.cli.servers import migrate_schema, owned_servers
    from indexer.ops.garbage import collect_seldom

    with owned_servers(loaded.settings) as (settings, check):
        migrate_schema(settings)
        collect_seldom()
        trio.run(run_ingest, settings, check)
    return 0


def _api(loaded: Loaded, _arguments: argparse.Namespace) -> int:
    from indexer.api.server import run_api
    from indexer.cli.servers import any_servers

    with any_servers(loaded.settings) as settings:
        run_api(settings)
    return 0


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, help="frames file, plain or zstd: 4-byte big-endian length and frame, repeated"
    )
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FILE",
        help="DID documents as one JSON object, to verify signatures with",
    )
    _json_flag(parser)


def _replay(loaded: Loaded, arguments: argparse.Namespace) -> int:
    import msgspec

    from indexer.cli import replay
    from indexer.cli.servers import any_servers, migrate_schema
    from indexer.ops.garbage import collect_seldom

    for file in filter(None, (arguments.file, arguments.docs)):
        if not file.is_file():
            raise FileFormatError(f"expected a file, found none: {file}")
    with any_servers(loaded.settings) as settings:
        migrate_schema(settings)
        collect_seldom()
        result = replay.run(settings, arguments.file, arguments.docs, arguments.json)
    print(msgspec.json.encode(result).decode() + "\n" if arguments.json else replay.as_text(result), end="")
    return 0


def _migrate(loaded: Loaded, _arguments: argparse.Namespace) -> int:
    from indexer.cli.servers import any_servers, migrate_schema

    with any_servers(loaded.settings) as settings:
        applied = migrate_schema(settings)
    print("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
    return 0


def _status(loaded: Loaded, arguments: argparse.Namespace) -> int:
    import msgspec

    from indexer.cli import status
    from indexer.cli.servers import any_servers

    with any_servers(loaded.settings) as settings:
        found = status.collect(settings)
    print(
        msgspec.json.encode(found).decode() if arguments.json else status.as_text(found),
        end="\n" if arguments.json else "",
    )
    return 0


def _audit(loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli import audit
    from indexer.cli.servers import any_servers

    with any_servers(loaded.settings) as settings:
        return audit.run(settings, as_json=arguments.json)


def _repair(loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli import audit
    from indexer.cli.servers import any_servers

    with any_servers(loaded.settings) as settings:
        return audit.mend(settings, as_json=arguments.json)


def _file_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="JSON lines")


def _export_private(loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli import private_state
    from indexer.cli.servers import any_servers

    if not arguments.file.parent.is_dir():
        raise FileFormatError(f"expected a directory, found none: {arguments.file.parent}")
    if arguments.file.is_dir():
        raise FileFormatError(f"expected the name of a file, got a directory: {arguments.file}")
    with any_servers(loaded.settings) as settings:
        print(f"{private_state.write(settings, arguments.file)} entries written")
    return 0


def _import_private(loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli import private_state
    from indexer.cli.servers import any_servers, migrate_schema

    if not arguments.file.is_file():
        raise FileFormatError(f"expected a file, found none: {arguments.file}")
    with any_servers(loaded.settings) as settings:
        migrate_schema(settings)
        print(f"{private_state.read(settings, arguments.file)} entries read")
    return 0


def _bench(_loaded: Loaded, arguments: argparse.Namespace) -> int:
    bench.run(arguments)
    return 0


def _simulate_arguments(parser: argparse.ArgumentParser) -> None:
    from indexer.cli.demo_network import add_network_arguments

    add_network_arguments(parser)
    parser.add_argument(
        "--port", type=whole(0, 65_535), default=0, help="port to serve on; 0 is any free one (0)"
    )
    parser.add_argument(
        "--rate", type=rate, help="events a second; 0 is as fast as subscribers read (30; of a file 0)"
    )
    parser.add_argument(
        "--no-history",
        dest="history",
        action="store_false",
        help="begin with live traffic, as a relay joined late: for networks of very many accounts",
    )
    file = parser.add_mutually_exclusive_group()
    file.add_argument(
        "--write", type=Path, metavar="FILE", help="write a stream and its DID documents, and end"
    )
    file.add_argument(
        "--frames", type=Path, metavar="FILE", help="serve a frames file instead of a live network"
    )
    parser.add_argument("--events", type=whole(1), default=1_000_000, help="events to write (1000000)")
    parser.add_argument("--workers", type=whole(1), default=2, help="processes that write (2)")
    parser.add_argument(
        "--records-limit", type=whole(1), default=400, help="most records of one written repository (400)"
    )
    parser.add_argument(
        "--docs", type=Path, metavar="FILE", help="the DID documents of --frames (found beside it)"
    )
    _json_flag(parser)


def _simulate(_loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli import demo_network

    if arguments.write is not None:
        demo_network.write_frames(arguments)
    elif arguments.frames is not None:
        demo_network.serve_frames(arguments)
    else:
        demo_network.serve_network(arguments)
    return 0


def _backfill_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", help="URL of a PDS or relay, such as https://pds.example.com")
    parser.add_argument(
        "--only-mark",
        action="store_true",
        help="mark what is lacking and leave the fetching to the running ingest process",
    )
    _json_flag(parser)


def _backfill(loaded: Loaded, arguments: argparse.Namespace) -> int:
    import msgspec

    from indexer.cli import backfill
    from indexer.cli.servers import any_servers, migrate_schema

    if not arguments.host.startswith(("http://", "https://")):
        raise ConfigError(f"host: expected a URL such as https://pds.example.com, got {arguments.host!r}")
    with any_servers(loaded.settings) as settings:
        migrate_schema(settings)
        result = backfill.run(settings, arguments.host, arguments.only_mark, arguments.json)
    print(msgspec.json.encode(result).decode() + "\n" if arguments.json else backfill.as_text(result), end="")
    return 0


def _token_arguments(parser: argparse.ArgumentParser) -> None:
    from indexer.cli.demo_network import add_network_arguments

    parser.add_argument("--as", dest="handle", required=True, metavar="HANDLE", help="the account that asks")
    parser.add_argument(
        "--method",
        default="app.bsky.feed.getTimeline",
        help="the method to be called (app.bsky.feed.getTimeline)",
    )
    add_network_arguments(parser)


def _token(loaded: Loaded, arguments: argparse.Namespace) -> int:
    from indexer.cli.demo_network import token

    print(token(loaded.settings, arguments.handle, arguments.method, arguments.accounts, arguments.seed))
    return 0


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


def _openapi(_loaded: Loaded, _arguments: argparse.Namespace) -> int:
    import msgspec

    from indexer.api.openapi import describe

    print(msgspec.json.format(msgspec.json.encode(describe()), indent=2).decode())
    return 0


def _version(_loaded: Loaded, _arguments: argparse.Namespace) -> int:
    print(f"indexer {__version__}")
    return 0


COMMANDS = {
    command.name: command
    for command in (
        Command("up", "start everything: servers, schema, ingest, API", _up, ALL_GROUPS, is_daemon=True),
        Command(
            "demo",
            "start everything on a small simulated network",
            _demo,
            ("servers", "ingest", "api", "operations"),
            _demo_arguments,
            is_daemon=True,
        ),
        Command(
            "ingest",
            "follow the upstreams and index them",
            _ingest,
            ("servers", "ingest", "identity", "operations"),
            is_daemon=True,
        ),
        Command(
            "api", "answer client apps", _api, ("servers", "identity", "api", "operations"), is_daemon=True
        ),
        Command(
            "replay",
            "index a frames file",
            _replay,
            ("servers", "ingest", "identity", "operations"),
            _replay_arguments,
        ),
        Command(
            "backfill",
            "import the repositories of a PDS or relay",
            _backfill,
            ("servers", "ingest", "identity", "operations"),
            _backfill_arguments,
        ),
        Command(
            "migrate", "bring the database to this program's schema", _migrate, ("servers", "operations")
        ),
        Command(
            "status",
            "print cursors, sizes, drops, and who is running",
            _status,
            ("servers", "api", "operations"),
            _json_flag,
        ),
        Command(
            "audit",
            "compare every count with its rows; print differences",
            _audit,
            ("servers", "operations"),
            _json_flag,
        ),
        Command(
            "repair",
            "set every count to the number of its rows",
            _repair,
            ("servers", "operations"),
            _json_flag,
        ),
        Command(
            "export-private",
            "write mutes, bookmarks, preferences and the like to a file",
            _export_private,
            ("servers", "operations"),
            _file_argument,
        ),
        Command(
            "import-private",
            "read what export-private wrote",
            _import_private,
            ("servers", "operations"),
            _file_argument,
        ),
        Command(
            "bench",
            "measure what this machine takes in and answers",
            _bench,
            ("operations",),
            bench.add_arguments,
        ),
        Command(
            "config",
            "print the effective settings and where each comes from",
            _config,
            ALL_GROUPS,
            _config_arguments,
        ),
        Command(
            "simulate",
            "serve a simulated network, or write its stream to a file",
            _simulate,
            ("operations",),
            _simulate_arguments,
            is_daemon=True,
        ),
        Command(
            "token",
            "print a service token of a simulated account",
            _token,
            ("api", "operations"),
            _token_arguments,
        ),
        Command("openapi", "print the API's description (OpenAPI 3.1, JSON)", _openapi),
        Command("version", "print the program's version", _version),
    )
}
