"""Python's work while the database does its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def beside(statement: Coroutine[Any, Any, object], work: Callable[[], Result]) -> Result:
    """Send `statement` and do `work` before it is answered; return what `work` does, when both are done.

    Raises what `work` raises, once the statement is answered, or what the statement does.
    """
    working = asyncio.ensure_future(statement)
    try:
        await asyncio.sleep(0)  # it is sent before anything is done
        return work()
    finally:
        await working
