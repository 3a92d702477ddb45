"""The statements of the store, one purpose a file, loaded once.

Owns nothing but the files beside it. `load` fills in the few names that SQL does not take as parameters (a table, a
collection code) and refuses what a file does not mention.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from indexer.errors import InvariantBroken


@cache
def load(name: str, **names: str | int) -> str:
    """Return the statement in `name`.sql with each `{key}` of `names` filled in; comments are kept (they name the
    statement in Postgres' own views).

    Raises InvariantBroken if there is no such file, or it does not mention one of `names`.
    """
    source = files(__name__) / f"{name}.sql"
    if not source.is_file():
        raise InvariantBroken(f"expected a statement {name}.sql in indexer/store/sql; there is none")
    text = source.read_text(encoding="utf-8")
    for key, value in names.items():
        if f"{{{key}}}" not in text:
            raise InvariantBroken(f"expected {{{key}}} in {name}.sql; it is not mentioned")
        text = text.replace(f"{{{key}}}", str(value))
    return text
