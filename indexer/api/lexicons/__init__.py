"""The lexicons of the methods that are served, and of everything that they refer to: one file each, named by its NSID.

They are copies of the protocol's own (MIT licence, beside them). What the API answers is checked against them in the
tests, and its OpenAPI description is made of them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from indexer.errors import InvariantBroken

Schema = dict[str, Any]


@cache
def lexicon(nsid: str) -> Schema:
    """The lexicon `nsid`. Raises InvariantBroken where there is none."""
    try:
        found: Schema = json.loads(files(__package__).joinpath(f"{nsid}.json").read_text())
    except FileNotFoundError:
        raise InvariantBroken(f"expected the lexicon {nsid} in {__package__}, found none") from None
    return found


def definition(reference: str, home: str = "") -> tuple[str, str, Schema]:
    """(NSID, name, definition) of a reference in `home`, such as `app.bsky.feed.defs#postView` or `#view`."""
    nsid, _, name = reference.partition("#")
    nsid, name = nsid or home, name or "main"
    return nsid, name, lexicon(nsid)["defs"][name]
