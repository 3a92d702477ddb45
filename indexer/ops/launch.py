"""Becomes another program: dies with its parent, drops root where asked, then executes the program.

Run as a script by the supervisors, `python -I -S launch.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM ARGUMENT...`, rather
than as a function between fork and exec, because running Python there is not safe in a process with threads. UID and
GID -1 mean: stay who we are. Knows nothing about which program it becomes.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def launch_command(command: list[str], death_signal: int, uid: int = -1, gid: int = -1) -> list[str]:
    """Return the command that becomes `command`; it gets `death_signal` when the thread that starts it ends."""
    identity = [str(number) for number in (os.getpid(), int(death_signal), uid, gid)]
    return [sys.executable, "-I", "-S", __file__, *identity, *command]


def main(arguments: list[str]) -> None:
    """Become the program; see the head of this module for the arguments."""
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    command = arguments[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, because a change of credentials clears it; it survives the exec below.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"the supervisor (process {parent}) died before {command[0]} started")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
