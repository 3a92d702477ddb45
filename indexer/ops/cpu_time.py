"""Which stage of the ingest process the CPU time goes to.

Owns how a thread's time is read; what is a stage is its caller's business.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from indexer.ops import metrics

Result = TypeVar("Result")


def counting_cpu(stage: str, function: Callable[[], Result]) -> Result:
    """Call `function` and count the CPU time of this thread meanwhile as the stage's."""
    began = time.thread_time()
    try:
        return function()
    finally:
        metrics.STAGE_CPU.labels(stage).inc(time.thread_time() - began)


@contextmanager
def thread_of(stage: str, ident: int) -> Iterator[None]:
    """All CPU time of a thread is the stage's, while the block lasts."""
    clock = time.pthread_getcpuclockid(ident)
    began = time.clock_gettime(clock)
    metrics.STAGE_CPU.labels(stage).set_function(lambda: time.clock_gettime(clock) - began)
    try:
        yield
    finally:
        with contextlib.suppress(KeyError):
            metrics.STAGE_CPU.remove(stage)
