"""`indexer export-private` and `indexer import-private`: what people told this server alone, as a file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from indexer.config import Settings
from indexer.errors import FileFormatError
from indexer.ops.progress import progress
from indexer.store.private_export import export_private, import_private


def write(settings: Settings, path: Path) -> int:
    """Write the file, all of it or none; returns the number of entries."""
    assert settings.postgres_url is not None  # the caller has found or started one
    partial = path.with_name(path.name + ".partial")
    # It tells who muted whom: nobody else may read it.
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise FileFormatError(
            f"expected a file that can be written, got {partial}: {error.strerror}"
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as file, progress("export", unit="entries") as advance:
            count = asyncio.run(export_private(settings.postgres_url, file.write, advance))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def read(settings: Settings, path: Path) -> int:
    """Read the file into the database, all of it or nothing; returns the number of entries."""
    assert settings.postgres_url is not None
    try:
        with path.open("rb") as file, progress("import", path.stat().st_size, "bytes") as advance:
            return asyncio.run(import_private(settings.postgres_url, file, advance))
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from None
