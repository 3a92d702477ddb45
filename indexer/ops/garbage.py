"""How often Python looks for cycles in a process that indexes or answers.

Owns three numbers; knows nothing of what the process holds.
"""

from __future__ import annotations

import gc

THRESHOLDS = (100_000, 50, 100)


def collect_seldom() -> None:
    """Look for cycles seldom, and never among what was loaded up to now.

    Batches free their objects by reference counts, but each makes tens of thousands of tuples meanwhile, for which
    Python would walk through everything that the process holds: a quarter of the ingest process' time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
