"""The collections' codes stand twice, for Python and for C: they are the same."""

from __future__ import annotations

import re
from pathlib import Path

from indexer.records import collections

DECLARATIONS = Path(collections.__file__).parent.parent / "_fastpath" / "collections.pxd"


def test_codes_are_the_same_in_python_and_c() -> None:
    text = DECLARATIONS.read_text(encoding="utf-8").split("cdef enum Collection:")[1].split("\n\n")[0]
    declared = {
        name.replace("_", ""): int(code) for name, code in re.findall(r"^    ([A-Z_]+) = (\d+)", text, re.M)
    }
    del declared["UNKNOWNCOLLECTION"]
    assert declared.pop("COLLECTIONS") == max(declared.values()) + 1
    codes = {
        name: code for name, code in vars(collections).items() if name.isupper() and isinstance(code, int)
    }
    assert declared == {name.replace("_", ""): code for name, code in codes.items()}
