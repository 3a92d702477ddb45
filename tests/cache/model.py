"""A database in dictionaries: the truth that the cache is compared with, and the source that fills it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from indexer.records.collections import FOLLOW, POST, REPOST
from indexer.store.deltas import Change, Deltas, PostCount
from indexer.store.home import HomeItem, HomeTimeline

Item = tuple[int, int, bool, int]


@dataclass
class Database:
    """Feed items by author, follows by follower; counts by subject; every change gives the deltas of its commit."""

    items: dict[int, set[Item]] = field(default_factory=dict)
    following: dict[int, set[int]] = field(default_factory=dict)
    likes: dict[tuple[int, int], int] = field(default_factory=dict)
    next_key: int = 1_800_000_000_000_000 << 10
    slow: float = 0.0

    def post(self, author: int, sort_at: int, is_repost: bool = False) -> Deltas:
        self.next_key += 1 << 10
        self.items.setdefault(author, set()).add((self.next_key, author, is_repost, sort_at))
        return Deltas(
            changes=[Change(REPOST if is_repost else POST, True, self.next_key, author, None, None, sort_at)]
        )

    def delete(self, item: Item) -> Deltas:
        key, author, is_repost, sort_at = item
        self.items[author].remove(item)
        return Deltas(
            changes=[Change(REPOST if is_repost else POST, False, key, author, None, None, sort_at)]
        )

    def follow(self, actor: int, subject: int) -> Deltas:
        self.following.setdefault(actor, set()).add(subject)
        return Deltas(changes=[Change(FOLLOW, True, 1, actor, None, subject, 1)])

    def unfollow(self, actor: int, subject: int) -> Deltas:
        self.following[actor].discard(subject)
        return Deltas(changes=[Change(FOLLOW, False, 1, actor, None, subject, None)])

    def like(self, key: int, actor: int) -> Deltas:
        self.likes[key, actor] = self.likes.get((key, actor), 0) + 1
        return Deltas(post_counts=[PostCount(key, actor, self.likes[key, actor], 0, 0, 0)])

    def home(self, viewer: int) -> list[Item]:
        authors = self.following.get(viewer, set()) | {viewer}
        found = [item for author in authors for item in self.items.get(author, ())]
        return sorted(found, key=lambda item: (-item[3], item))

    # what the writer reads
    async def follows(self, viewer: int) -> list[int]:
        answer = list(self.following.get(viewer, ()))
        await asyncio.sleep(self.slow * random.random())
        return answer

    async def timeline(self, viewer: int, count: int) -> HomeTimeline:
        await asyncio.sleep(self.slow * random.random())
        home = self.home(viewer)
        await asyncio.sleep(self.slow * random.random())
        floor = home[count - 1][3] + 1 if len(home) >= count else 0
        return HomeTimeline([HomeItem(*item) for item in home[:count]], floor)
