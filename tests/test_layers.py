"""The walls of the house: who may import whom, where SQL and Redis keys may stand.

docs/ARCHITECTURE.md tells the flow; these tests hold it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "indexer"

FLOW = (
    "errors", "config", "ops", "_fastpath", "firehose", "sync", "records", "store", "cache", "hydration", "views",
    "api", "simulation", "recovery", "label_streams", "pipeline", "app", "cli",
)  # fmt: skip
"""Every top-level module or package; each may import those before it, less what FORBIDDEN says."""

FORBIDDEN = {
    # bytes to rows, no I/O and no policy
    "_fastpath": set(FLOW) - {"errors", "_fastpath"},
    # presentation never touches the database
    "views": {"store", "cache", "ops"},
    "records": {"ops", "firehose"},
    # stands in for the network, so it must not lean on the parts that it tests
    "simulation": {"firehose", "store", "cache", "hydration", "views", "api"},
    "ops": set(FLOW) - {"errors", "config", "ops"},
    "config": {"config", "ops"},
}

_CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import|c?import\s+([\w.]+))", re.MULTILINE)


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the dotted names that a .py, .pyi, .pyx or .pxd file imports, also inside functions."""
    text = path.read_text()
    if path.suffix in (".pyx", ".pxd"):
        for match in _CYTHON_IMPORT.finditer(text):
            yield match[1] or match[2]
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = ("indexer", *path.relative_to(ROOT).parts)
            module = (
                ".".join([*here[: len(here) - node.level], node.module or ""]) if node.level else node.module
            )
            for alias in node.names:
                yield f"{module}.{alias.name}"


def room_of(path: Path) -> str:
    """Return the top-level module or package that a file of the program belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


SOURCES = sorted(
    path
    for pattern in ("*.py", "*.pyx", "*.pxd", "*.pyi")
    for path in ROOT.rglob(pattern)
    if path.parent != ROOT or path.name not in ("__init__.py", "__main__.py")
)


def test_every_room_has_its_place_in_the_flow() -> None:
    assert {room_of(path) for path in SOURCES} <= set(FLOW)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_backwards(path: Path) -> None:
    room = room_of(path)
    allowed = set(FLOW[: FLOW.index(room) + 1]) - FORBIDDEN.get(room, set())
    for name in imported_modules(path):
        parts = name.split(".")
        if parts[0] == "indexer" and len(parts) > 1 and parts[1] in FLOW:
            assert parts[1] in allowed, (
                f"{path.relative_to(ROOT)} imports {name}: {room} may not know {parts[1]}"
            )


@pytest.mark.parametrize("library", ["asyncpg", "redis", "granian", "httpx", "trio_websocket", "dns"])
def test_libraries_with_sockets_stay_in_the_rooms_of_their_io(library: str) -> None:
    rooms = {
        "asyncpg": {"store", "app", "cli", "simulation", "api"},
        "redis": {"cache", "app", "cli", "api"},
        "granian": {"api", "cli", "app"},
        "httpx": {"sync", "firehose", "api", "cli", "app"},
        "trio_websocket": {"firehose", "simulation"},
        "dns": {"sync"},
    }[library]
    users = {
        room_of(path) for path in SOURCES for name in imported_modules(path) if name.split(".")[0] == library
    }
    assert users <= rooms


SQL = re.compile(
    r"\b(SELECT\s.*\bFROM\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|TRUNCATE\s+\w"
    r"|(CREATE|ALTER|DROP)\s+(TEMP|TEMPORARY|UNLOGGED|UNIQUE|TABLE|INDEX|ROLE|DATABASE|FUNCTION|TYPE|EXTENSION)\b)",
    re.DOTALL,
)


def text_constants(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the string constants of a Python file that are no docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = set()
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                docstrings.add(statement.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.lineno, node.value


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.suffix == ".py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_sql_stands_in_sql_files(path: Path) -> None:
    for line, text in text_constants(path):
        assert not SQL.search(text), f"{path.relative_to(ROOT)}:{line} holds SQL; it belongs into a .sql file"


def test_sql_would_be_seen() -> None:
    for statement in (
        "SELECT a\nFROM b", "INSERT INTO a VALUES (1)", "UPDATE a SET b = 1", "DELETE FROM a", "CREATE TABLE a ()",
        "DROP INDEX a", "CREATE UNIQUE INDEX a ON b (c)", "CREATE TEMP TABLE a (b int)",
    ):  # fmt: skip
        assert SQL.search(statement)


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.suffix == ".py" and path != ROOT / "cache" / "keys.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_redis_keys_stand_in_one_module(path: Path) -> None:
    looks_like_a_key = r"[a-z][a-z_-]*:\S*$" if room_of(path) == "cache" else r"indexer:"
    for line, text in text_constants(path):
        assert not re.match(looks_like_a_key, text), (
            f"{path.relative_to(ROOT)}:{line} spells a Redis key: {text!r}"
        )


def test_lua_gets_its_keys_from_outside() -> None:
    for script in ROOT.rglob("*.lua"):
        calls = re.findall(r"redis\.p?call\(\s*['\"]\w+['\"]\s*,\s*([^,)]+)", script.read_text())
        for first in calls:
            assert not first.strip().startswith(("'", '"')), f"{script.name} spells a Redis key: {first}"
