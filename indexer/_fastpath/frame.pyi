"""Types of `frame.pyx`."""

from typing import Any

def decode(frame: bytes) -> tuple[str, dict[str, Any] | None]: ...
