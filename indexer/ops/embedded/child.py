"""One server process, kept alive: started, watched, started again after a crash, stopped, always reaped.

Owns the process and the thread that waits for it. What the server is, how it is prepared and how one sees that it is
ready come from the caller.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from indexer.errors import EmbeddedServerError
from indexer.ops.embedded.binaries import Account, server_environment
from indexer.ops.launch import launch_command

_POLL_SECONDS = 0.02
_STILL_STARTING_SECONDS = 10.0
_CALM_SECONDS = 60.0
"""A server that ran this long is healthy again: its next crash is answered without back-off."""
_MOST_CRASHES = 5
"""Crashes in a row, each before the server was calm, after which restarting is given up."""

_log = structlog.get_logger("indexer.embedded")


class SupervisedChild:
    """A server process with a thread that looks after it.

    `command` gives the program and its arguments; `prepare` runs before every start (also after a crash) and clears
    what a dead predecessor left; `is_ready` is asked until it says yes, for as long as the process lives: crash
    recovery takes the time it takes. `death_signal` is what the kernel sends to the server when we die.
    """

    def __init__(
        self,
        name: str,
        *,
        command: Callable[[], list[str]],
        prepare: Callable[[], None],
        is_ready: Callable[[int], bool],
        account: Account,
        log_file: Path,
        stop_signals: tuple[tuple[signal.Signals, float], ...],
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._prepare = prepare
        self._is_ready = is_ready
        self._account = account
        self._log_file = log_file
        self._stop_signals = stop_signals
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._state = "stopped"
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the running server, None while it is down."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def failure(self) -> BaseException | None:
        """Why the server was given up, None while it runs or is being restarted."""
        return self._failure

    def start(self) -> None:
        """Start the server and return when it is ready.

        Raises EmbeddedServerError with the end of the server's log if it dies before it is ready.
        """
        with self._changed:
            if self._state != "stopped":
                raise EmbeddedServerError(f"{self.name} was started twice")
            self._state = "starting"
            self._failure = None
            # The kernel's death signal follows the thread that forked: this one lives as long as the server.
            self._thread = threading.Thread(target=self._run, name=f"embedded-{self.name}", daemon=True)
            self._thread.start()
            self._changed.wait_for(lambda: self._state in ("ready", "failed"))
            if self._failure is not None:
                raise self._failure

    def stop(self) -> None:
        """Ask the server to stop, ever more firmly, and return when it is gone and reaped. May be called twice."""
        with self._changed:
            thread = self._thread
            if thread is None:
                return
            self._state = "stopping"
            self._changed.notify_all()
        for stop_signal, seconds in self._stop_signals:
            process = self._process
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(stop_signal)
            thread.join(seconds)
            if not thread.is_alive():
                break
        else:
            if self._process is not None:
                self._process.kill()
            thread.join()
        self._thread = None
        with self._changed:
            self._state = "stopped"

    def _run(self) -> None:
        crashes = 0
        while True:
            began = time.monotonic()
            try:
                self._prepare()
                became_ready = self._run_once()
            except BaseException as error:
                self._give_up(error)
                return
            with self._changed:
                if self._state == "stopping":
                    return
                code = self._process.returncode if self._process is not None else None
            crashes = 1 if time.monotonic() - began > _CALM_SECONDS else crashes + 1
            message = (
                f"{self.name} ended with {_ending(code)}; the end of {self._log_file}:\n{self._log_end()}"
            )
            never_worked = self.restarts == 0 and not became_ready
            if never_worked or crashes > _MOST_CRASHES:
                self._give_up(EmbeddedServerError(message))
                return
            _log.error("embedded server died, starting it again", server=self.name, ending=_ending(code))
            self.restarts += 1
            with self._changed:
                self._state = "starting"
                if self._changed.wait_for(
                    lambda: self._state == "stopping", timeout=0.1 * 2 ** (crashes - 1)
                ):
                    return

    def _run_once(self) -> bool:
        """Start the process, wait until it is ready, wait until it ends. Returns whether it ever was ready."""
        command = self._command()
        account = self._account
        with self._log_file.open("ab") as log:
            process = subprocess.Popen(
                launch_command(command, self._stop_signals[0][0], account.uid, account.gid),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is for us: we stop the servers last
                cwd="/",
                env=server_environment(),
            )
        with self._changed:
            self._process = process
            if self._state == "stopping":  # stop() ran before there was a process to signal
                process.send_signal(self._stop_signals[0][0])
        next_word = time.monotonic() + _STILL_STARTING_SECONDS
        ready = False
        while process.poll() is None:
            if self._is_ready(process.pid):
                ready = True
                with self._changed:
                    if self._state == "starting":
                        self._state = "ready"
                    self._changed.notify_all()
                process.wait()
                break
            if time.monotonic() > next_word:
                _log.info("embedded server is still starting", server=self.name, last_line=self._log_end(1))
                next_word += _STILL_STARTING_SECONDS
            time.sleep(_POLL_SECONDS)
        return ready

    def _give_up(self, error: BaseException) -> None:
        with self._changed:
            self._failure = error
            if self._state == "ready" or self.restarts:
                _log.critical("embedded server given up", server=self.name, error=str(error))
            self._state = "failed"
            self._changed.notify_all()

    def _log_end(self, lines: int = 15) -> str:
        with self._log_file.open("rb") as log:
            log.seek(max(0, self._log_file.stat().st_size - 8192))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def _ending(code: int | None) -> str:
    if code is None:
        return "no exit code"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
