"""What a worker holds for answering requests, opened at its start and closed at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from indexer.cache.changes import Changes, listen, tell
from indexer.cache.client import CacheClient
from indexer.cache.counts import CountReader
from indexer.cache.home import HomeTimelines
from indexer.cache.reader import CacheReader
from indexer.config import Settings
from indexer.errors import CacheError, ConfigError
from indexer.hydration.feeds import KeptFeeds
from indexer.hydration.hydrator import Hydrator
from indexer.hydration.links import Links
from indexer.hydration.notices import KeptNotices
from indexer.hydration.rows import RowBook
from indexer.hydration.threads import KeptThreads
from indexer.store.reads.database import Database
from indexer.store.reads.edges import Edges
from indexer.store.reads.feeds import Feeds
from indexer.store.reads.keys import Key, KeyBook
from indexer.store.reads.lists import Lists
from indexer.store.reads.notices import Notices
from indexer.store.reads.post_search import PostSearch
from indexer.store.reads.private import Private
from indexer.store.reads.search import Search
from indexer.store.reads.threads import Threads
from indexer.sync.did_document import DidDocument


class Identities(Protocol):
    """Where DID documents come from."""

    async def resolve(self, did: str) -> DidDocument:
        """The document of a DID. Raises IdentityError where it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Reads, by subject. Nothing in here knows HTTP."""

    settings: Settings
    cache: CacheClient | None
    database: Database
    keys: KeyBook
    hydrator: Hydrator
    counts: CountReader | None
    feeds: Feeds
    home: HomeTimelines
    edges: Edges
    threads: Threads
    notices: Notices
    kept_feeds: KeptFeeds
    kept_notices: KeptNotices
    kept_threads: KeptThreads
    private: Private
    lists: Lists
    search: Search
    post_search: PostSearch
    identities: Identities

    def lookups(self) -> dict[tuple[str, str], int]:
        """What was looked up for answers so far: (of what, how it was answered) -> times."""
        found = self.hydrator.book.lookups()
        of_all = {
            "timelines": self.home.lookups,
            "counts": {} if self.counts is None else self.counts.lookups,
        }
        for of, outcomes in of_all.items():
            found.update({(of, outcome): count for outcome, count in outcomes.items()})
        return found

    async def post_changed(self, post: Key) -> None:
        """Tell every worker that a post's row changed by what was asked of us, not by a commit."""
        await self.changed(Changes(posts=[post]))

    async def changed(self, changes: Changes) -> None:
        """Tell every worker of what changed by what was asked of us."""
        if self.cache is not None:
            with suppress(CacheError):  # then no worker is told anything, and none keeps rows
                await tell(self.cache, changes)

    async def signing_key(self, did: str) -> bytes | None:
        """The stored signing key of an account, None if it is not known."""
        row = await self.database.row("signing_key", did)
        return None if row is None else row["signing_key"]


@asynccontextmanager
async def open_services(settings: Settings, identities: Identities) -> AsyncIterator[Services]:
    """Services with their connections open; `identities` is the caller's.

    Raises StoreError where Postgres cannot be reached.
    """
    if settings.postgres_url is None:
        raise ConfigError("the API needs postgres_url: expected a URL, got none")
    database = await Database.connect(settings.postgres_url, connections=settings.postgres_connections)
    client = CacheClient(settings.redis_url) if settings.cache_enabled and settings.redis_url else None
    book = RowBook()
    listener, reader, counts = None, None, None
    if client is not None:
        reader = CacheReader(client)
        counts = CountReader(client)

        def hear(changes: Changes, number: int) -> None:
            book.hear(changes)
            reader.heard(number)

        listener = asyncio.create_task(listen(client, book.begin, hear, book.end))
    try:
        keys = KeyBook(database)
        links = Links(settings.image_cdn_url, settings.video_cdn_url)
        edges = Edges(database, keys)
        hydrator = Hydrator(
            database,
            keys,
            edges,
            links,
            settings.trusted_verifiers,
            book,
            counts=counts,
            moderator=settings.moderator,
        )
        feeds = Feeds(database, keys)
        kept_feeds = KeptFeeds(feeds, book)
        threads = Threads(database)
        notices = Notices(database, keys, edges)
        yield Services(
            settings=settings,
            cache=client,
            database=database,
            keys=keys,
            hydrator=hydrator,
            feeds=feeds,
            counts=counts,
            home=HomeTimelines(feeds, reader, kept_feeds.existing),
            edges=edges,
            threads=threads,
            notices=notices,
            kept_feeds=kept_feeds,
            kept_notices=KeptNotices(notices, book),
            kept_threads=KeptThreads(threads, book),
            private=Private(database, keys),
            lists=Lists(database, keys),
            search=Search(database, keys),
            post_search=PostSearch(database),
            identities=identities,
        )
    finally:
        if client is not None and listener is not None:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
            if counts is not None:
                await counts.filled()
            await client.close()
        await database.close()
