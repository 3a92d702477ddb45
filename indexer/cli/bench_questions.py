"""The client's side of `indexer bench read`: what is asked, method by method or as people in open sessions do.

Owns the questions, their tokens and the sessions' habits. Which server is asked, and what else goes on, is the
caller's business.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from indexer.cli.http_load import Connection, Load, Question, ask, connect

HOST = "127.0.0.1"
CONNECTIONS = (1, 8, 32)
METHODS = {
    "getTimeline": "app.bsky.feed.getTimeline",
    "getAuthorFeed": "app.bsky.feed.getAuthorFeed",
    "getPosts": "app.bsky.feed.getPosts",
    "getProfile": "app.bsky.actor.getProfile",
    "getPostThread": "app.bsky.feed.getPostThread",
    "listNotifications": "app.bsky.notification.listNotifications",
}
MIX = {"getTimeline": 70, "getPostThread": 12, "getProfile": 8, "getAuthorFeed": 6, "listNotifications": 4}
"""What is asked under saturation, in percent: mostly timelines."""

POLL_SECONDS = 30.0
"""How often an open session looks whether there is something new (`limit=1`)."""

READS, SCROLLS, OPENS = 0.1, 0.5, 0.3
"""The parts of polls after which the timeline is read, of pages after which the next one is, and of those read
timelines after which a post, its author, the author's posts and the notifications are opened, each by itself.
"""

SESSION_CONNECTIONS = 64
"""How many of the sessions' questions can be under way."""


class Viewer(Protocol):
    """An account in whose name is asked."""

    def token(self, audience: str, method: str, lifetime: int) -> str:
        """A service token for one method."""
        ...


class Questions:
    """Who asks which server about what."""

    def __init__(
        self, port: int, service: str, viewers: Sequence[Viewer], dids: Sequence[str], posts: Sequence[str]
    ) -> None:
        """`service`: the DID of the server at `port`. `dids` and `posts` (AT-URIs): what is asked about."""
        self.port = port
        self.viewers = viewers
        self.dids = dids
        self.posts = posts
        self.random = random.Random(7)
        self._service = service
        self._tokens: dict[tuple[int, str], str] = {}

    def token(self, viewer: int, name: str) -> str:
        """The token of the viewer with this number for a method, made when it is first needed."""
        key = (viewer, name)
        token = self._tokens.get(key)
        if token is None:
            token = self._tokens[key] = self.viewers[viewer].token(
                self._service, METHODS[name], lifetime=3600
            )
        return token

    def question(self, name: str, most_viewers: int = 200) -> Question:
        """A source of requests for one method, as one of the first viewers after the other."""
        viewers = range(min(len(self.viewers), most_viewers))
        for viewer in viewers:
            self.token(viewer, name)
        pick = self.random.choice
        queries: dict[str, Callable[[], str]] = {
            "getTimeline": lambda: "limit=50",
            "getAuthorFeed": lambda: f"limit=50&actor={pick(self.dids)}",
            "getPosts": lambda: "&".join(f"uris={uri}" for uri in self.random.sample(self.posts, 25)),
            "getProfile": lambda: f"actor={pick(self.dids)}",
            "getPostThread": lambda: f"uri={pick(self.posts)}",
            "listNotifications": lambda: "limit=50",
        }
        query = queries[name]
        return lambda: (path(name, query()), self.token(pick(viewers), name))

    async def cell(self, name: str, connections: int, seconds: float, warming: float = 0.0) -> dict[str, Any]:
        """One method alone: {p50_ms, p99_ms, rps, kb, refused}, after `warming` seconds that do not count."""
        question = self.question(name)
        if warming:
            await ask(HOST, self.port, question, 4, warming)  # as warm as a server in use
        return cell(await ask(HOST, self.port, question, connections, seconds))

    async def saturated(self, seconds: float) -> dict[str, Any]:
        """The mix by all viewers, as fast as eight connections take it."""
        questions = {name: self.question(name, len(self.viewers)) for name in MIX}
        names, weights = list(MIX), list(MIX.values())

        def question() -> tuple[str, str]:
            return questions[self.random.choices(names, weights)[0]]()

        return cell(await ask(HOST, self.port, question, 8, seconds))

    async def look_once(self, first: int, last: int) -> None:
        """The viewers with these numbers read their timelines, so that these become cached."""
        left = iter(range(first, last))

        async def talk(connection: Connection) -> None:
            for viewer in left:
                await connection.ask(path("getTimeline", "limit=1"), self.token(viewer, "getTimeline"))

        connections = [await connect(HOST, self.port) for _ in range(4)]
        await asyncio.gather(*map(talk, connections))
        for connection in connections:
            connection.close()


@dataclass
class Sessions:
    """Open sessions of all viewers: each polls its timeline every POLL_SECONDS, and sometimes reads on."""

    questions: Questions
    loads: dict[str, Load] = field(default_factory=lambda: {"poll": Load()})
    due: int = 0
    _begin: float = math.inf

    async def run(self, seconds: float, warming: float, begin: Callable[[], None]) -> dict[str, Any]:
        """Let the sessions go on for `warming` seconds (in POLL_SECONDS each polls once, of any worker), then call
        `begin`, and measure them for `seconds`: what was asked -> cell, and `all`.

        A poll's latency counts from the moment at which it was due, however late it could be asked; `missed` are those
        that could not be asked until the end.
        """
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        connections = [await connect(HOST, self.questions.port) for _ in range(SESSION_CONNECTIONS)]
        for connection in connections:
            self._free.put_nowait(connection)
        began, starts = time.perf_counter(), self.questions.random
        async with asyncio.TaskGroup() as group:
            sessions = [
                group.create_task(self._session(viewer, began + starts.random() * POLL_SECONDS))
                for viewer in range(len(self.questions.viewers))
            ]
            await asyncio.sleep(warming)
            await asyncio.to_thread(begin)
            self._begin = time.perf_counter()
            await asyncio.sleep(seconds)
            for session in sessions:
                session.cancel()
        for connection in connections:
            connection.close()
        every = Load(seconds=seconds)
        for load in self.loads.values():
            load.seconds = seconds
            every.latencies += load.latencies
            every.bytes += load.bytes
            every.refused += load.refused
            every.refusal = every.refusal or load.refusal
        cells = {name: cell(load) for name, load in sorted(self.loads.items())} | {"all": cell(every)}
        cells["all"]["missed"] = self.due - len(self.loads["poll"].latencies)
        return cells

    async def _session(self, viewer: int, due: float) -> None:
        while True:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await self._visit(viewer, due)
            due += POLL_SECONDS

    async def _visit(self, viewer: int, due: float) -> None:
        self.due += due >= self._begin
        chance, pick = self.questions.random.random, self.questions.random.choice
        await self._ask("poll", viewer, "getTimeline", "limit=1", due)
        if chance() >= READS:
            return
        page = await self._ask("timeline", viewer, "getTimeline", "limit=50")
        cursor = _between(page, b'"cursor":"')
        while cursor and chance() < SCROLLS:
            page = await self._ask("scroll", viewer, "getTimeline", f"limit=50&cursor={cursor}")
            cursor = _between(page, b'"cursor":"')
        if chance() < OPENS:
            post = _between(page, b'"post":{"uri":"') or pick(self.questions.posts)
            await self._ask("thread", viewer, "getPostThread", f"uri={post}")
        if chance() < OPENS:
            await self._ask("profile", viewer, "getProfile", f"actor={pick(self.questions.dids)}")
        if chance() < OPENS:
            await self._ask(
                "author feed", viewer, "getAuthorFeed", f"limit=50&actor={pick(self.questions.dids)}"
            )
        if chance() < OPENS:
            await self._ask("notifications", viewer, "listNotifications", "limit=50")

    async def _ask(self, what: str, viewer: int, name: str, query: str, due: float | None = None) -> bytes:
        token = self.questions.token(viewer, name)
        asked = time.perf_counter() if due is None else due
        connection = await self._free.get()
        try:
            answer = await connection.ask(path(name, query), token, keep=name == "getTimeline")
        finally:
            self._free.put_nowait(connection)
        if asked >= self._begin:
            self.loads.setdefault(what, Load()).add(name, answer, time.perf_counter() - asked)
        return answer.body


def path(name: str, query: str) -> str:
    """The path of a question."""
    return f"/xrpc/{METHODS[name]}?{query}"


def _between(body: bytes, before: bytes) -> str:
    """The text between the last `before` and the next quotation mark; empty where there is none."""
    at = body.rfind(before)
    return body[at + len(before) : body.index(b'"', at + len(before))].decode() if at >= 0 else ""


def cell(done: Load) -> dict[str, Any]:
    """What was measured, in figures."""
    found: dict[str, Any] = {
        "p50_ms": done.percentile_ms(0.5),
        "p99_ms": done.percentile_ms(0.99),
        "rps": done.per_second,
        "kb": round(done.bytes / 1024 / max(len(done.latencies), 1), 1),
    }
    if done.refused:
        found |= {"refused": done.refused, "refusal": done.refusal}
    return found
