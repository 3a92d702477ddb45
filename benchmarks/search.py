"""How fast posts and accounts are found: questions to the API over very many posts, and what keeping the index costs.

The accounts and texts are the simulation's, with six words more of a large vocabulary in each text, so that there are
words of every frequency; they are put straight into the tables of posts and accounts, and the search tables are made by
the index' own keeper. `--posts 1000000` takes about three minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import asyncpg
import orjson
import uvloop

from benchmarks._report import Ratio, exit_status, machine, versions
from indexer.api.application import Application, Request
from indexer.api.server import open_application
from indexer.config import Settings
from indexer.ops.embedded import Tuning, ephemeral_servers
from indexer.ops.progress import progress
from indexer.simulation.content import WORDS, profile, sentence
from indexer.simulation.dagcbor import encode
from indexer.simulation.population import Population
from indexer.store.migrate import migrate
from indexer.store.reads.spelling import iso
from indexer.store.search_index import SearchIndex

SEED: Final = 7
DAYS: Final = 60
DAY_MS: Final = 86_400_000
VOCABULARY: Final = 50_000
_CHUNK: Final = 20_000

POSTS: Final = "app.bsky.feed.searchPosts"
ACTORS: Final = "app.bsky.actor.searchActors"
TYPEAHEAD: Final = "app.bsky.actor.searchActorsTypeahead"


@dataclass(frozen=True)
class Plan:
    """How much there is, and for how many seconds each kind of question is asked."""

    posts: int
    accounts: int
    seconds: float
    quiet: bool


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000, help="posts to search in (1000000)")
    parser.add_argument("--accounts", type=int, default=100_000, help="accounts to search in (100000)")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds of each kind of question (1)")
    parser.add_argument(
        "--brief", action="store_true", help="20000 posts, 5000 accounts, 0.1 s; fails if slow"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    plan = Plan(given.posts, given.accounts, given.seconds, given.json)
    if given.brief:
        plan = Plan(20_000, 5_000, 0.1, given.json)
    result = run(plan)
    print(json.dumps(result) if given.json else as_text(result))
    return exit_status(_targets(result)) if given.brief else 0


def _targets(result: dict[str, Any]) -> list[Ratio]:
    """What a row of the index and the slowest kind of question should take at most."""
    return [
        Ratio("us_per_row", result["us_per_row"], 150, at_most=True),
        Ratio("slowest_p50_ms", result["slowest_p50_ms"], 50, at_most=True),
    ]


def run(plan: Plan) -> dict[str, Any]:
    """Fill a database, index it, and ask; returns sizes, costs and the latencies of each kind of question in ms."""
    with ephemeral_servers(Tuning(postgres={"fsync": "off"})) as servers:
        return uvloop.run(_run(plan, servers.postgres_url))


async def _run(plan: Plan, url: str) -> dict[str, Any]:
    await migrate(url)
    now = int(time.time() * 1000)
    population = Population(SEED, plan.accounts)
    connection = await asyncpg.connect(url)
    with progress("writing posts", plan.posts, "posts", quiet=plan.quiet) as advance:
        await _fill_accounts(connection, population, now)
        for rows in _posts(Random(SEED), population, plan.posts, now):
            await _copy(connection, "post", _POST_COLUMNS, rows)
            advance(len(rows))
    await connection.execute(_COUNTS)
    await connection.execute("ANALYZE")
    result: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(["asyncpg"]),
        "posts": plan.posts,
        "accounts": plan.accounts,
        **await _index(connection, url, plan),
    }
    async with AsyncExitStack() as stack:
        application = await open_application(Settings(postgres_url=url, cache_enabled=False), stack)
        result["questions"] = {
            name: await _measure(application, nsid, questions, plan.seconds)
            for name, nsid, questions in _questions(population, now)
        }
    result["slowest_p50_ms"] = max(one["p50_ms"] for one in result["questions"].values())
    await connection.close()
    return result


# --- what there is to find -------------------------------------------------------------------------------------------

_POST_COLUMNS = ("rkey", "actor", "sort_at", "indexed_at", "cid", "record")

# One post in ten has been liked, few of them much: 1 / u ** 0.8 for uniform u.
_COUNTS = """
INSERT INTO post_count (key, actor, likes, reposts)
SELECT rkey, actor, n, n / 8
FROM (SELECT rkey, actor, (power(random() + 1e-6, -0.8))::int AS n FROM post WHERE rkey % 10 = 0) AS liked
"""


async def _fill_accounts(connection: asyncpg.Connection[Any], population: Population, now: int) -> None:
    accounts, profiles, counts = [], [], []
    for number in range(len(population)):
        handle, joined = population.handle(number), now - DAYS * DAY_MS + number
        accounts.append((number + 1, population.did(number), handle, joined))
        record = profile(handle, joined * 1000, number % 3)
        profiles.append((number + 1, sha256(record).digest(), joined, record))
        counts.append((number + 1, int(len(population) / (number + 1) ** 0.9)))
    await _copy(connection, "actor", ("id", "did", "handle", "indexed_at"), accounts)
    await _copy(connection, "profile", ("actor", "cid", "indexed_at", "record"), profiles)
    await _copy(connection, "actor_count", ("actor", "followers"), counts)


def _posts(random: Random, population: Population, count: int, now: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of the table of posts, oldest first, evenly over DAYS."""
    words = _vocabulary()
    weights = list(accumulate(1 / (place + 1) for place in range(len(words))))
    for start in range(0, count, _CHUNK):
        rows = []
        size = min(_CHUNK, count - start)
        rare = random.choices(words, cum_weights=weights, k=size * 6)
        for number in range(size):
            at = now - DAYS * DAY_MS + (start + number) * DAYS * DAY_MS // count
            text = f"{sentence(random, 1, 12)} {' '.join(rare[number * 6 : number * 6 + 6])}"
            language = random.choice(("en", "en", "en", "ja", "pt-BR"))
            record = encode(
                {"$type": "app.bsky.feed.post", "createdAt": iso(at), "langs": [language], "text": text}
            )
            rkey = (at * 1000 + number % 1000) << 10
            actor = population.active_one(random) + 1
            rows.append((rkey, actor, at, at, sha256(record).digest(), record))
        yield rows


def _vocabulary() -> list[str]:
    """Words of the simulation, then made-up ones; the later, the rarer."""
    return [
        *WORDS,
        *(f"{WORDS[n % len(WORDS)]}{WORDS[n // len(WORDS) % len(WORDS)]}{n}" for n in range(VOCABULARY)),
    ]


async def _copy(
    connection: asyncpg.Connection[Any], table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    await connection.copy_records_to_table(table, columns=columns, records=rows)


async def _index(connection: asyncpg.Connection[Any], url: str, plan: Plan) -> dict[str, Any]:
    """Make the search tables; returns what a post and an account cost."""
    index = SearchIndex(url)
    await index.begin_anew()
    before, began = time.process_time(), time.perf_counter()
    with progress(
        "indexing words", plan.posts + plan.accounts, "posts and accounts", quiet=plan.quiet
    ) as advance:
        while step := await index.step():
            advance(step)
    seconds, cpu = time.perf_counter() - began, time.process_time() - before
    await index.close()
    await connection.execute("VACUUM ANALYZE")
    size = "SELECT pg_total_relation_size($1)"
    return {
        "us_per_row": round(1e6 * seconds / (plan.posts + plan.accounts), 1),
        "python_us_per_row": round(1e6 * cpu / (plan.posts + plan.accounts), 1),
        "bytes_per_post": round(await connection.fetchval(size, "post_search") / plan.posts),
        "bytes_per_account": round(await connection.fetchval(size, "actor_search") / plan.accounts),
    }


# --- what is asked ---------------------------------------------------------------------------------------------------

Question = dict[str, Any]


def _questions(population: Population, now: int) -> Iterator[tuple[str, str, list[Question]]]:
    """Kinds of questions: name, method, and the parameters of those that are asked in turn."""
    random = Random(SEED)
    words = _vocabulary()
    common, usual, rare = words[:20], words[len(WORDS) : len(WORDS) + 1000], words[len(WORDS) + 5000 :]
    week = {"since": iso(now - 40 * DAY_MS), "until": iso(now - 33 * DAY_MS)}

    def some(make: Any, count: int = 50) -> list[Question]:
        return [make() for _ in range(count)]

    def of(words: list[str], **more: Any) -> list[Question]:
        return some(lambda: {"q": random.choice(words), **more})

    def handle() -> str:
        return population.handle(population.active_one(random))

    yield "common word", POSTS, of(common)
    yield "common word, top", POSTS, of(common, sort="top")
    yield "usual word", POSTS, of(usual)
    yield "usual word, top", POSTS, of(usual, sort="top")
    yield "rare word", POSTS, of(rare)
    yield "rare word, top", POSTS, of(rare, sort="top")
    yield "two common words", POSTS, some(lambda: {"q": " ".join(random.sample(common, 2))})
    yield (
        "two common words, top",
        POSTS,
        some(lambda: {"q": " ".join(random.sample(common, 2)), "sort": "top"}),
    )
    yield "phrase", POSTS, some(lambda: {"q": f'"{" ".join(random.sample(common, 2))}"'})
    yield "word that nobody wrote", POSTS, some(lambda: {"q": f"nobody{random.random()}"})
    yield "word by an account", POSTS, some(lambda: {"q": f"{random.choice(common)} from:{handle()}"})
    yield "all by an account", POSTS, some(lambda: {"q": f"from:{handle()}"})
    yield "common word in a language", POSTS, of(common, lang="pt")
    yield "common word in a week of long ago", POSTS, of(common, **week)
    yield (
        "common word without another",
        POSTS,
        some(lambda: {"q": "{} -{}".format(*random.sample(common, 2))}),
    )
    yield "typeahead, a name", TYPEAHEAD, some(lambda: {"q": handle().rpartition(".")[0][:5]})
    yield "typeahead, two letters", TYPEAHEAD, some(lambda: {"q": handle()[:2]})
    yield "typeahead, what every handle holds", TYPEAHEAD, [{"q": "test"}, {"q": ".test"}, {"q": "est"}]
    yield "typeahead, nobody", TYPEAHEAD, some(lambda: {"q": f"qqx{random.randrange(1000)}"})
    yield "actors, a name", ACTORS, some(lambda: {"q": handle().partition(".")[0].rstrip("0123456789")})
    yield "actors, what every handle holds", ACTORS, [{"q": "test"}]


async def _measure(
    application: Application, nsid: str, questions: list[Question], seconds: float
) -> dict[str, Any]:
    """Ask in turn for so long; returns percentiles in ms and how many were found on average."""
    times: list[float] = []
    found = 0
    deadline = time.perf_counter() + seconds
    for question in questions[:3]:  # the statement's plan is made at its first use
        await application.answer(Request("GET", f"/xrpc/{nsid}", urlencode(question), {}))
    while time.perf_counter() < deadline or len(times) < len(questions):
        query = urlencode(questions[len(times) % len(questions)])
        began = time.perf_counter()
        response = await application.answer(Request("GET", f"/xrpc/{nsid}", query, {}))
        times.append(1000 * (time.perf_counter() - began))
        if response.status != 200:
            raise RuntimeError(f"{nsid}?{query} answered {response.status}: {response.body!r}")
        found += len(next(value for value in orjson.loads(response.body).values() if isinstance(value, list)))
    times.sort()
    return {
        "p50_ms": round(times[len(times) // 2], 2),
        "p99_ms": round(times[len(times) * 99 // 100], 2),
        "found": round(found / len(times), 1),
        "asked": len(times),
    }


def as_text(result: dict[str, Any]) -> str:
    kept = f"kept by {result['us_per_row']} us a row (Python {result['python_us_per_row']})"
    size = f"{result['bytes_per_post']} bytes a post, {result['bytes_per_account']} an account"
    lines = [
        result["machine"],
        f"{result['posts']:,} posts, {result['accounts']:,} accounts; {kept}, {size}",
        f"{'':<36}{'p50 ms':>9}{'p99 ms':>9}{'found':>8}",
    ]
    lines += [
        f"{name:<36}{one['p50_ms']:>9}{one['p99_ms']:>9}{one['found']:>8}"
        for name, one in result["questions"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
