"""The `indexer` command.

commands.py       the table of commands          arguments.py   the grammar, from the table and the settings
configuration.py  settings as people read them   exit_codes.py  what exit codes say
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence

from indexer.cli.arguments import given_settings, make_parser
from indexer.cli.commands import COMMANDS
from indexer.cli.exit_codes import BUG, INTERRUPTED, OK, TERMINATED, exit_code, leaves
from indexer.config import load


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; messages about errors go to stderr."""
    arguments = make_parser().parse_args(argv)
    try:
        loaded = load(given_settings(arguments), file=arguments.config)
        from indexer.ops import logs

        logs.configure(loaded.settings.log_level, loaded.settings.log_format)
        command = COMMANDS[arguments.command]
        # Until a daemon's own handling begins, and after it: leave through every `with` and `finally` on the way.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK if command.is_daemon else TERMINATED))
        return command.run(loaded, arguments)
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    # (Trio wraps a Ctrl-C, and the SystemExit of our signal handler, in a group.)
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:
        code = exit_code(error)
        if code == BUG:
            traceback.print_exception(error)
        elif code not in (INTERRUPTED, TERMINATED):
            for leaf in leaves(error):
                print(f"indexer {arguments.command}: {leaf}", file=sys.stderr)
        return code
