"""Cached or not, an answer is the same byte by byte: whatever is written, whoever asks, whatever happens to Redis.

Random commits go through the real door and the real writer; viewers mute, bookmark and look at their notifications
through the API; and the same questions go to an application that keeps things, to one that forgets its rows before each
question (so that counts come from Redis), and to one that does not use Redis.
INDEXER_CACHED_ANSWERS: how many steps a run has (30 unless told otherwise).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import asyncpg
import orjson
import pytest
import redis.asyncio
from redis.exceptions import RedisError

from indexer._fastpath import tid
from indexer.api.application import Application, Request
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.services import Services, open_services
from indexer.cache import writer as cache_writer
from indexer.cache.client import CacheClient
from indexer.cache.reader import SENDING_SECONDS
from indexer.cache.writer import CacheWriter
from indexer.cli.audit import mend
from indexer.config import Settings
from indexer.hydration import details, feeds, own, rows, threads
from indexer.ops.embedded import EmbeddedServers, Tuning, ephemeral_servers
from indexer.simulation.clock import datetime_text, tid_at
from indexer.simulation.dagcbor import cid_of, cid_text, encode
from indexer.store import home
from indexer.store.home import HomeTimeline
from indexer.store.labels import LabelStore
from indexer.store.reads.database import asked
from indexer.store.reads.feeds import FILTERS
from indexer.sync.identity import IdentityResolver, IdentitySettings
from indexer.views import status
from tests.api.conftest import SERVICE, Client, Keys
from tests.api.lexicon import Lexicons
from tests.api.world import Account
from tests.store.model import FOLLOW, LIKE, POST, POSTGATE, REPOST, THREADGATE
from tests.store.pipeline import Pipeline
from tests.store.streams import Stream

pytestmark = pytest.mark.anyio

STEPS = int(os.environ.get("INDEXER_CACHED_ANSWERS", "30"))
NOW = 1_900_000_000_000

ACCEPT = "atproto-accept-labelers"
GET_FEED = "app.bsky.feed.getAuthorFeed"
GET_POSTS = "app.bsky.feed.getPosts"
GET_PROFILES = "app.bsky.actor.getProfiles"
LIST_NOTIFICATIONS = "app.bsky.notification.listNotifications"
STATUS = "app.bsky.actor.status"


@pytest.fixture(scope="module")
def servers() -> Iterator[EmbeddedServers]:
    """A Valkey of the test's own: it breaks it."""
    with ephemeral_servers(Tuning(postgres={"shared_buffers": "16MB"})) as servers:
        yield servers


class Source:
    """What the writer of the cache reads, from Postgres."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def follows(self, viewer: int) -> list[int]:
        return await home.follows(self._pool, viewer)

    async def timeline(self, viewer: int, count: int) -> HomeTimeline:
        return await home.home_timeline(self._pool, viewer, count, NOW)


class Both:
    """Applications over one database: two that keep things (the second forgets its rows), and one that does not."""

    def __init__(self, stack: AsyncExitStack, lexicons: Lexicons) -> None:
        self._stack = stack
        self._lexicons = lexicons
        self._keys = Keys()
        self.services: list[Services] = []
        self.clients: list[Client] = []

    async def open(self, settings: Settings, identities: IdentityResolver) -> None:
        services = await self._stack.enter_async_context(open_services(settings, identities))
        authenticator = Authenticator(self._keys, audiences=audiences_of(SERVICE))
        self.services.append(services)
        self.clients.append(Client(Application(services, authenticator), self._keys, self._lexicons))

    async def compare(
        self, nsid: str, params: dict[str, Any], viewer: Account | None, headers: dict[str, str] | None = None
    ) -> str | None:
        """Ask both; the answer's cursor, if it has one."""
        forgetful = self.services[1].hydrator.book
        if forgetful.is_told:
            forgetful.begin()
        *others, read = [
            await client.ask(nsid, params, viewer=viewer, headers=headers) for client in self.clients
        ]
        for number, kept in enumerate(others):
            assert (kept.status, kept.headers) == (read.status, read.headers), (nsid, params, viewer)
            if kept.body != read.body:
                ours, theirs = orjson.loads(kept.body), orjson.loads(read.body)
                raise AssertionError(
                    f"{nsid} {params} as {viewer}, of worker {number}: {difference(ours, theirs) or 'order of members'}"
                )
        cursor: str | None = orjson.loads(read.body).get("cursor")
        return cursor

    async def tell(self, nsid: str, body: dict[str, Any], viewer: Account) -> None:
        """A procedure, through the application that keeps things."""
        response = await self.clients[0].ask(nsid, viewer=viewer, body=body)
        assert response.status in (200, 400), response.body


def difference(kept: Any, read: Any, path: str = "") -> str | None:
    """Where two JSON values differ first, and how."""
    if isinstance(kept, dict) and isinstance(read, dict):
        for name in [*kept, *read]:
            if (found := difference(kept.get(name), read.get(name), f"{path}.{name}")) is not None:
                return found
        return None
    if isinstance(kept, list) and isinstance(read, list) and len(kept) == len(read):
        for place, (one, other) in enumerate(zip(kept, read, strict=True)):
            if (found := difference(one, other, f"{path}[{place}]")) is not None:
                return found
        return None
    if isinstance(kept, list) and isinstance(read, list):
        few, many = sorted((kept, read), key=len)
        extra = next((item for item in many if item not in few), None)
        return f"at {path}: kept {len(kept)}, read {len(read)} items; only one has {str(extra)[:600]}"
    return None if kept == read else f"at {path}: kept {str(kept)[:600]}, read {str(read)[:600]}"


@pytest.fixture
async def both(
    request: pytest.FixtureRequest,
    postgres_url: str,
    servers: EmbeddedServers,
    lexicons: Lexicons,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Both]:
    """With a parameter there is an operator, who may take records down, and that is their password."""
    # the test waits for messages itself, and asks at once
    monkeypatch.setattr(rows, "SETTLING_SECONDS", 0.0)
    monkeypatch.setattr(cache_writer, "HURRIED_SECONDS", 0.1)
    async with AsyncExitStack() as stack:
        identities = await stack.enter_async_context(IdentityResolver(IdentitySettings()))
        opened = Both(stack, lexicons)
        for enabled in (True, True, False):
            await opened.open(
                Settings(
                    postgres_url=postgres_url,
                    redis_url=servers.redis_url,
                    service_did=SERVICE,
                    cache_enabled=enabled,
                    admin_password=getattr(request, "param", None),
                ),
                identities,
            )
        yield opened


@contextlib.asynccontextmanager
async def writing(postgres_url: str, redis_url: str) -> AsyncIterator[CacheWriter]:
    client = CacheClient(redis_url)
    pool = await asyncpg.create_pool(postgres_url, min_size=1, max_size=2)
    writer = CacheWriter(client, Source(pool))
    running = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await client.close()
        await pool.close()


class Play:
    """One run: a stream of commits, and questions in between."""

    def __init__(
        self, seed: int, both: Both, writer: CacheWriter, pipeline: Pipeline, events: int = STEPS * 6
    ) -> None:
        self.random = random.Random(seed)
        self.stream = Stream(seed, events=events, statuses=(None, None, None, "deactivated", "takendown"))
        self.events = self.stream.shuffled(0.2)
        self.both, self.writer, self.pipeline = both, writer, pipeline
        self.viewers = [Account(0, account.did, "") for account in self.stream.accounts[:4]]
        self.labels = LabelStore(both.services[0].settings.postgres_url or "")
        self.labelled = 0

    async def step(self) -> None:
        """A few commits, perhaps something private, then questions."""
        count = self.random.choice([1, 1, 2, 5, 12])
        frames = [self.events.pop(0).frame for _ in range(min(count, len(self.events)))]
        if frames:
            await self.commit(frames)
        viewer = self.random.choice([*self.viewers, None])
        if viewer is not None and self.random.random() < 0.2:
            await self.something_private(viewer)
        if self.random.random() < 0.3:
            await self.label()
        for _ in range(4):
            await self.question(self.random.choice([viewer, *self.viewers, None]))

    async def commit(self, frames: list[bytes]) -> None:
        books = [services.hydrator.book for services in self.both.services[:2]]
        before, epochs = [book.messages for book in books], self.writer.status.epochs
        self.writer.wants_details(hurried=self.random.random() < 0.1)
        deltas = await self.pipeline.write(frames)
        await self.writer.apply(deltas)
        for _ in range(2_000):  # what was not told is noticed within the time that an epoch is believed
            have_heard = all(
                book.messages > count or not book.is_told for book, count in zip(books, before, strict=True)
            )
            if have_heard and self.writer.is_idle:
                if self.writer.status.epoch is None or self.writer.status.epochs != epochs:
                    await asyncio.sleep(SENDING_SECONDS)  # so long a timeline may lack what could not be sent
                return
            await asyncio.sleep(0.002)
        raise AssertionError("a commit was neither told nor missed within 4 s")

    async def something_private(self, viewer: Account) -> None:
        other = self.random.choice(self.stream.accounts).did
        uri, cid, root = self.random.choice(self.stream.posts)
        choices: list[tuple[str, dict[str, Any]]] = [
            ("app.bsky.graph.muteActor", {"actor": other}),
            ("app.bsky.graph.muteActor", {"actor": other, "onlyReposts": True}),
            ("app.bsky.graph.unmuteActor", {"actor": other}),
            ("app.bsky.graph.muteThread", {"root": root}),
            ("app.bsky.graph.unmuteThread", {"root": root}),
            ("app.bsky.bookmark.createBookmark", {"uri": uri, "cid": cid}),
            ("app.bsky.bookmark.deleteBookmark", {"uri": uri}),
            ("app.bsky.notification.updateSeen", {"seenAt": "2025-06-15T12:00:00.000Z"}),
            *([("app.bsky.graph.muteActorList", {"list": lists})] if (lists := self._list()) else []),
            *([("app.bsky.graph.unmuteActorList", {"list": lists})] if lists else []),
        ]
        nsid, body = self.random.choice(choices)
        books = [services.hydrator.book for services in self.both.services[:2]]
        before = [book.messages for book in books]
        await self.both.tell(nsid, body, viewer)
        for _ in range(100 if "ookmark" in nsid and books[0].is_told else 0):
            # the count of bookmarks is told, the rest is known by the version
            if all(book.messages > count for book, count in zip(books, before, strict=True)):
                return
            await asyncio.sleep(0.002)

    async def label(self) -> None:
        """A labeler says something about an account, its profile or a post: which nobody tells the workers."""
        labeler, did = self.stream.accounts[0].did, self.random.choice(self.stream.accounts).did
        subject = self.random.choice(
            [did, f"at://{did}/app.bsky.actor.profile/self", *[self.random.choice(self.stream.posts)[0]] * 3]
        )
        value = self.random.choice(["rude", "!takedown", "needs-review"])
        self.labelled += 1
        if self.both.services[0].settings.moderator is not None and self.random.random() < 0.5:
            down = self.random.choice(self.stream.posts)[0]
            await self.both.services[0].database.rows("takedown_record", down, "test", 1_700_000_000_000)
            return
        row = (labeler, subject, "", value, self.random.random() < 0.2, "2024-01-01T00:00:00.000Z", None)
        await self.labels.save(labeler, self.labelled, [row])

    def _list(self) -> str | None:
        return self.random.choice(self.stream.lists) if self.stream.lists else None

    async def question(self, viewer: Account | None) -> None:
        author = self.random.choice(self.stream.accounts).did
        posts = [post[0] for post in self.stream.posts]
        limit = self.random.choice([1, 3, 10, 50, 100])
        questions: list[tuple[str, dict[str, Any]]] = [
            (
                "app.bsky.feed.getAuthorFeed",
                {"actor": author, "limit": limit, "filter": self.random.choice(list(FILTERS))},
            ),
            ("app.bsky.feed.getPosts", {"uris": self.random.sample(posts, min(25, len(posts)))}),
            ("app.bsky.actor.getProfile", {"actor": author}),
            ("app.bsky.feed.getPostThread", {"uri": self.random.choice(posts)}),
        ]
        if viewer is not None:
            questions += [("app.bsky.feed.getTimeline", {"limit": limit})] * 4
            questions += [(LIST_NOTIFICATIONS, {"limit": limit})] * 2
        nsid, params = self.random.choice(questions)
        labeler = self.stream.accounts[0].did
        headers = self.random.choice([None, {ACCEPT: labeler}, {ACCEPT: f"{labeler};redact"}])
        cursor = await self.both.compare(nsid, params, viewer, headers)
        for _ in range(3 if cursor is not None else 0):
            cursor = await self.both.compare(nsid, {**params, "cursor": cursor}, viewer, headers)
            if cursor is None:
                break

    async def changes_are_told(self) -> None:
        """Wait until the workers keep things."""
        for _ in range(2_000):
            if all(services.hydrator.book.is_told for services in self.both.services[:2]):
                return
            await asyncio.sleep(0.01)
        raise AssertionError("no worker was told of changes within 20 s")

    async def timelines_are_cached(self) -> None:
        """Read the viewers' timelines until they come from the cache."""
        lookups = self.both.services[0].home.lookups
        for _ in range(400):
            before = lookups["miss"]
            for viewer in self.viewers:
                await self.both.compare("app.bsky.feed.getTimeline", {"limit": 20}, viewer)
            if lookups["miss"] == before:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"the timelines did not become cached within 20 s: {self.writer.status}")


@pytest.mark.parametrize(("seed", "both"), [(1, None), (2, "secret")], indirect=["both"])
async def test_random_commits_and_private_doings(
    postgres_url: str,
    servers: EmbeddedServers,
    both: Both,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if seed == 2:  # so little is read at once that it mostly is not enough
        monkeypatch.setattr(own, "MOST", 4)
        monkeypatch.setattr(details, "FEW_FOLLOWERS", 1)
        monkeypatch.setattr(feeds, "MOST_WAITING", 2)
        monkeypatch.setattr(threads, "MOST_POSTS", 3)
    async with writing(postgres_url, servers.redis_url) as writer, Pipeline(postgres_url) as pipeline:
        play = Play(seed, both, writer, pipeline)
        await play.commit([play.events.pop(0).frame for _ in range(STEPS)])
        await play.timelines_are_cached()
        for _ in range(STEPS):
            await play.step()
        assert both.services[0].home.lookups["hit"] > STEPS / 4
        forgetful = both.services[1].counts
        assert forgetful is not None
        assert forgetful.lookups["hit"] > STEPS


async def test_redis_is_wiped_paused_and_killed(
    postgres_url: str, servers: EmbeddedServers, both: Both
) -> None:
    async with (
        writing(postgres_url, servers.redis_url) as writer,
        Pipeline(postgres_url) as pipeline,
        redis.asyncio.Redis.from_url(servers.redis_url) as server,
    ):
        play = Play(3, both, writer, pipeline)
        await play.commit([play.events.pop(0).frame for _ in range(STEPS)])
        await play.timelines_are_cached()
        for number in range(max(4, STEPS // 15)):
            await breaking(server, servers, number % 4)
            for _ in range(3):
                await play.step()
        await play.timelines_are_cached()


async def test_a_worker_finds_the_counts_that_another_has_read(
    postgres_url: str, servers: EmbeddedServers, both: Both
) -> None:
    """The second worker asks Postgres for no count, and has those of the latest commit."""
    async with writing(postgres_url, servers.redis_url) as writer, Pipeline(postgres_url) as pipeline:
        play = Play(4, both, writer, pipeline)
        await play.commit([event.frame for event in play.events])
        every = {"uris": [post[0] for post in play.stream.posts[:25]]}
        found = orjson.loads((await both.clients[2].ask(GET_POSTS, every)).body)["posts"]
        assert found
        uris = {"uris": [post["uri"] for post in found]}
        authors = {"actors": [account.did for account in play.stream.accounts]}
        first, second = both.services[0].counts, both.services[1].counts
        assert first is not None
        assert second is not None
        for _ in range(400):  # until the writer has taken up the wish for counts
            both.services[0].hydrator.book.begin()
            for nsid, params in ((GET_POSTS, uris), (GET_PROFILES, authors)):
                await both.clients[0].ask(nsid, params)
            await first.filled()
            if first.lookups["hit"] > 0:
                break
            await asyncio.sleep(0.02)
        await play.commit(play.stream.more({LIKE: 2, REPOST: 1, FOLLOW: 1}, STEPS))
        await asyncio.sleep(0.3)  # the writer renews its epoch, which it could not while the frames were made
        counter: Counter[str] = Counter()
        token = asked.set(counter)
        answers = [
            orjson.loads((await both.clients[1].ask(nsid, params)).body)
            for nsid, params in ((GET_POSTS, uris), (GET_PROFILES, authors))
        ]
        asked.reset(token)
        read = [
            orjson.loads((await both.clients[2].ask(nsid, params)).body)
            for nsid, params in ((GET_POSTS, uris), (GET_PROFILES, authors))
        ]
        assert answers == read
        assert counter["posts"] == counter["profile_details"] == 1
        assert counter["post_counts"] == counter["actor_counts"] == 0
        assert second.lookups["hit"] > 0
        assert second.lookups["miss"] == 0


async def test_a_repair_shows_at_once(postgres_url: str, servers: EmbeddedServers, both: Both) -> None:
    """Counts that were wrong in Postgres, and so in Redis and in workers' rows, are right after `indexer repair`."""
    async with writing(postgres_url, servers.redis_url) as writer, Pipeline(postgres_url) as pipeline:
        play = Play(5, both, writer, pipeline)
        await play.commit([event.frame for event in play.events])
        await pipeline.connection.execute("UPDATE post_count SET likes = likes + 2")
        uris = {"uris": [post[0] for post in play.stream.posts[:25]]}

        async def likes(client: Client) -> list[int]:
            return [
                post["likeCount"] for post in orjson.loads((await client.ask(GET_POSTS, uris)).body)["posts"]
            ]

        wrong = await likes(both.clients[2])
        for _ in range(400):  # until a worker has the wrong counts from Redis
            both.services[1].hydrator.book.begin()
            assert await likes(both.clients[0]) == await likes(both.clients[1]) == wrong
            counts = both.services[1].counts
            assert counts is not None
            if counts.lookups["hit"] > 0:
                break
            await asyncio.sleep(0.02)
        settings = Settings(postgres_url=postgres_url, redis_url=servers.redis_url)
        books = [services.hydrator.book for services in both.services[:2]]
        before = [book.messages for book in books]
        await asyncio.to_thread(mend, settings, as_json=True)
        for _ in range(200):
            if all(book.messages > count for book, count in zip(books, before, strict=True)):
                break
            await asyncio.sleep(0.01)
        right = await likes(both.clients[2])
        assert right != wrong
        assert await likes(both.clients[0]) == await likes(both.clients[1]) == right


async def breaking(server: redis.asyncio.Redis, servers: EmbeddedServers, how: int) -> None:
    """Something happens to Redis. Where it does not answer any more, that is what was wanted."""
    pid = servers.pids["valkey"]
    with contextlib.suppress(RedisError, OSError):
        if how == 0:
            await server.flushall()
        elif how == 1:
            await server.client_pause(300)
        elif how == 2 and pid is not None:
            os.kill(pid, signal.SIGSTOP)
            asyncio.get_running_loop().call_later(0.5, os.kill, pid, signal.SIGCONT)
        elif pid is not None:
            os.kill(pid, signal.SIGKILL)


async def test_what_is_warm_asks_for_the_version_alone(
    postgres_url: str, servers: EmbeddedServers, both: Both
) -> None:
    """Once a viewer is known, an account, post or thread that this worker has read needs no more questions, whether the
    viewer has seen it before or not.
    """
    async with writing(postgres_url, servers.redis_url) as writer, Pipeline(postgres_url) as pipeline:
        # more events bring more lists and embedded records, so their number is this test's, not INDEXER_CACHED_ANSWERS'
        play = Play(6, both, writer, pipeline, events=180)
        await play.commit([event.frame for event in play.events])
        await play.timelines_are_cached()
        first, second = play.viewers[:2]
        posts = [post[0] for post in play.stream.posts]
        client = both.clients[0]
        await client.ask(GET_POSTS, {"uris": posts[-1:]}, viewer=second)  # now it is known
        await client.ask("app.bsky.actor.getProfile", {"actor": first.did}, viewer=second)
        questions: list[tuple[str, dict[str, Any]]] = [
            (GET_POSTS, {"uris": posts[:25]}),
            *(("app.bsky.actor.getProfile", {"actor": account.did}) for account in play.stream.accounts),
            *(("app.bsky.feed.getAuthorFeed", {"actor": account.did}) for account in play.stream.accounts),
            *(("app.bsky.feed.getPostThread", {"uri": uri}) for uri in posts[:25]),
        ]
        for nsid, params in questions:
            await both.compare(nsid, params, first)
        asked_for: Counter[str] = Counter()
        for nsid, params in questions:
            counter: Counter[str] = Counter()
            token = asked.set(counter)
            await client.ask(nsid, params, viewer=second)
            asked.reset(token)
            assert counter["viewer_version"] == 1
            asked_for += counter
        # lists and embedded records are asked for each time: the simulated accounts have few of them
        assert asked_for.total() < 1.3 * len(questions), asked_for


async def test_notifications_are_asked_for_when_some_come_or_go(
    postgres_url: str, servers: EmbeddedServers, both: Both
) -> None:
    """A page of follows, likes, replies, ... that was shown before needs no question but the viewer's version, until
    somebody does something to the viewer again.
    """
    async with writing(postgres_url, servers.redis_url) as writer, Pipeline(postgres_url) as pipeline:
        play = Play(7, both, writer, pipeline)
        await play.commit([event.frame for event in play.events])
        await play.timelines_are_cached()
        pages = [(LIST_NOTIFICATIONS, {"limit": limit}) for limit in (10, 50)]

        async def asked_again() -> Counter[str]:
            counter: Counter[str] = Counter()
            for viewer in play.viewers:
                for nsid, params in pages:
                    await both.compare(nsid, params, viewer)
                    token = asked.set(counter)
                    await both.clients[0].ask(nsid, params, viewer=viewer)
                    asked.reset(token)
            return counter

        asked_for = await asked_again()
        assert asked_for["viewer_version"] == len(pages) * len(play.viewers)
        # single ones that rest on lists, verifications, ... are made anew; which there are is known
        assert not [name for name in asked_for if name.startswith("noti")], asked_for
        assert asked_for.total() < 4 * asked_for["viewer_version"], asked_for
        for kinds in ({LIKE: 1}, {REPOST: 1}, {FOLLOW: 1}, {POST: 1}):
            await play.commit(play.stream.more(kinds, 12))
            await asked_again()


class Clock(SimpleNamespace):
    """In the place of the module `time` where statuses are looked at."""

    seconds: float

    def time(self) -> float:
        return self.seconds


async def test_statuses_that_end_and_those_that_only_their_account_sees_whole(
    postgres_url: str, servers: EmbeddedServers, both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts of an account with a status are made once for all, until the status ends; its own account sees whether it
    is disabled.
    """
    async with writing(postgres_url, servers.redis_url) as writer, Pipeline(postgres_url) as pipeline:
        play = Play(8, both, writer, pipeline, events=0)
        await play.changes_are_told()
        author, first, second, *_ = play.stream.accounts
        owner, *others = (Account(0, account.did, "") for account in (author, first, second))
        clock = Clock(seconds=play.stream.now / 1e6)
        monkeypatch.setattr(status, "time", clock)

        def record(minutes: int | None) -> dict[str, Any]:
            now = datetime_text(play.stream.now)
            lasts = {} if minutes is None else {"durationMinutes": minutes}
            return {"$type": STATUS, "status": f"{STATUS}#live", "createdAt": now, **lasts}

        async def seen(viewer: Account | None) -> list[dict[str, Any]]:
            """Statuses of the account as the viewer sees them, everywhere where it is shown; nothing else is asked."""
            questions: list[tuple[str, dict[str, Any]]] = [
                (GET_POSTS, {"uris": [post]}),
                (GET_FEED, {"actor": author.did}),
            ]
            for nsid, params in questions:
                await both.compare(nsid, params, viewer)
            counter: Counter[str] = Counter()
            token = asked.set(counter)
            bodies = [
                orjson.loads((await both.clients[0].ask(*question, viewer=viewer)).body)
                for question in questions
            ]
            asked.reset(token)
            if viewer is not owner:
                assert set(counter) <= {"viewer_version"}, (viewer, counter)
            posts, feed = bodies
            return [view["author"]["status"] for view in (posts["posts"][0], feed["feed"][0]["post"])]

        post = f"at://{author.did}/{POST}/{tid_at(play.stream.now)}"
        text = {"$type": POST, "text": "on air", "createdAt": datetime_text(play.stream.now)}
        await play.commit(
            [
                play.stream.frame(author, "create", post.removeprefix(f"at://{author.did}/"), text),
                play.stream.frame(author, "create", f"{STATUS}/self", record(10)),
                *(
                    play.stream.frame(account, "create", f"{FOLLOW}/{tid_at(play.stream.now)}", follow)
                    for account in (first, second)
                    for follow in [
                        {"$type": FOLLOW, "subject": author.did, "createdAt": text["createdAt"]},
                    ]
                ),
            ]
        )
        began = play.stream.now / 1e6
        for seconds, is_active in ((0, True), (590, True), (601, False), (602, False)):
            clock.seconds = began + seconds
            for viewer in (*others, None, owner):
                for view in await seen(viewer):
                    assert view["isActive"] is is_active, (seconds, viewer)
                    assert view.get("isDisabled") == (False if viewer is owner else None)
        await play.commit([play.stream.frame(author, "update", f"{STATUS}/self", record(None))])
        for viewer in (*others, None, owner):
            for view in await seen(viewer):
                assert "isActive" not in view


@pytest.mark.parametrize("rules", [None, [], ["mention"], ["follower"], ["following"]])
async def test_gates_are_filled_in_for_each_viewer(
    postgres_url: str, servers: EmbeddedServers, both: Both, rules: list[str] | None
) -> None:
    """Posts under gates are made once for all, and say to each viewer what that one may do."""
    async with writing(postgres_url, servers.redis_url) as writer, Pipeline(postgres_url) as pipeline:
        play = Play(9, both, writer, pipeline, events=0)
        await play.changes_are_told()
        stream, (author, *people) = play.stream, play.stream.accounts[:4]
        by_rule = dict(zip(("mention", "follower", "following"), people, strict=True))
        now = datetime_text(stream.now)
        mention = {"$type": "app.bsky.richtext.facet#mention", "did": people[0].did}
        key, answer = tid_at(stream.now), tid_at(stream.now, 1)
        uri, reply = f"at://{author.did}/{POST}/{key}", f"at://{people[1].did}/{POST}/{answer}"
        root: dict[str, Any] = {
            "$type": POST,
            "text": "who may answer?",
            "createdAt": now,
            "facets": [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [mention]}],
        }
        reference = {"uri": uri, "cid": cid_text(cid_of(encode(root)))}
        gate: dict[str, Any] = {"$type": THREADGATE, "post": uri, "createdAt": now}
        if rules is not None:
            gate["allow"] = [{"$type": f"{THREADGATE}#{rule}Rule"} for rule in rules]
        postgate = {
            "$type": POSTGATE,
            "post": uri,
            "createdAt": now,
            "embeddingRules": [{"$type": f"{POSTGATE}#disableRule"}],
        }
        refers = {"reply": {"root": reference, "parent": reference}}
        written: list[tuple[Any, str, dict[str, Any]]] = [
            (author, f"{POST}/{key}", root),
            (people[1], f"{FOLLOW}/{key}", {"$type": FOLLOW, "subject": author.did, "createdAt": now}),
            (author, f"{FOLLOW}/{key}", {"$type": FOLLOW, "subject": people[2].did, "createdAt": now}),
            (author, f"{THREADGATE}/{key}", gate),
            (author, f"{POSTGATE}/{key}", postgate),
            (people[1], f"{POST}/{answer}", {"$type": POST, "text": "I?", "createdAt": now, **refers}),
        ]
        await play.commit(
            [stream.frame(account, "create", path, record) for account, path, record in written]
        )
        params = {"uris": [uri, reply]}
        viewers = {account.did: Account(0, account.did, "") for account in (author, *people)}
        for viewer in (*viewers.values(), None):
            await both.compare(GET_POSTS, params, viewer)
        for did, viewer in viewers.items():
            counter: Counter[str] = Counter()
            token = asked.set(counter)
            answered = orjson.loads((await both.clients[0].ask(GET_POSTS, params, viewer=viewer)).body)
            asked.reset(token)
            assert set(counter) == {"viewer_version"}, (did, counter)
            may = rules is None or did in (author.did, *(by_rule[rule].did for rule in rules))
            first, second = (view["viewer"] for view in answered["posts"])
            assert first["replyDisabled"] is (not may)
            assert first["embeddingDisabled"] is (did != author.did)
            violates = rules is not None and rules != ["follower"]
            assert second["replyDisabled"] is (violates or not may)
            assert second["embeddingDisabled"] is False
        books = [services.hydrator.book for services in both.services[:2]]
        assert books[0].templates.get((True, (tid.to_int(key), await actor_of(both, author.did))))
        await play.commit([stream.frame(author, "delete", f"{THREADGATE}/{key}")])
        for viewer in (*viewers.values(), None):
            await both.compare(GET_POSTS, params, viewer)


async def actor_of(both: Both, did: str) -> int:
    return (await both.services[0].keys.ids_of_dids([did]))[did]


async def test_health_tells_that_redis_is_gone(postgres_url: str) -> None:
    settings = Settings(postgres_url=postgres_url, redis_url="redis://127.0.0.1:1/0", service_did=SERVICE)
    async with (
        IdentityResolver(IdentitySettings()) as identities,
        open_services(settings, identities) as services,
    ):
        await services.home.page(1, None, 10)
        application = Application(services, Authenticator(Keys(), audiences=audiences_of(SERVICE)))
        response = await application.answer(Request("GET", "/xrpc/_health", "", {}))
        assert response.status == 200
        assert "Connect" in orjson.loads(response.body)["cache"]
