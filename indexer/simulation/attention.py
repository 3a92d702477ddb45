"""What simulated accounts notice: which post or account the next act is about.

Owns popularity: posts that others noticed lately are noticed more, new ones have their chance, and nobody does the same
thing to the same subject twice (but for one time in a thousand, as on the real network).
"""

from __future__ import annotations

from random import Random
from typing import Generic, TypeVar

from .content import Reference
from .population import Population

RECENT_POSTS = 32_768
RECENT_TARGETS = 8_192
RECENT_REPOSTS = 2_048
TRIES = 4
"""How often another subject is looked for before an old one is taken again."""

Item = TypeVar("Item")


class Ring(Generic[Item]):
    """The latest items, up to a number."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0
        self.items: list[Item] = []

    def add(self, item: Item) -> None:
        """Remember an item, and forget the oldest if there are too many."""
        if len(self.items) < self.size:
            self.items.append(item)
        else:
            self.items[self.count % self.size] = item
        self.count += 1

    def recent(self, back: int) -> Item:
        """The item that was added `back` items before the last one."""
        return self.items[(self.count - 1 - back) % len(self.items)]


class Attention:
    """The subjects on offer to one population, and chance's choices among them."""

    def __init__(self, population: Population, random: Random) -> None:
        self.population = population
        self.random = random
        self.posts: Ring[Reference] = Ring(RECENT_POSTS)
        self.reposts: Ring[tuple[Reference, Reference]] = Ring(RECENT_REPOSTS)
        self._targets: Ring[Reference] = Ring(RECENT_TARGETS)
        self._pair_bits = max(24, min(30, (len(population) * 4096).bit_length()))
        self._pairs = bytearray(1 << self._pair_bits - 3)

    def post(self, actor: int, collection: str | None = None) -> Reference:
        """A post as often as posts are noticed. With a collection (of likes or reposts): preferably one that the
        account has not endorsed yet, and noticed by that.
        """
        random = self.random.random
        post = self.posts.items[0]
        for _ in range(TRIES):
            if self._targets.items and random() < 0.6:
                post = self._targets.items[int(random() * len(self._targets.items))]
            else:
                post = self.posts.recent(int(len(self.posts.items) * random() ** 3))
            if collection is None or self._is_new(actor, post.uri, collection):
                break
        if collection is not None:
            self._targets.add(post)
        return post

    def repost(self) -> tuple[Reference, Reference]:
        """A recent repost and its subject."""
        return self.reposts.items[int(self.random.random() * len(self.reposts.items))]

    def account(self, actor: int, collection: str) -> int:
        """Another account, preferably one that the account has no such relation to yet."""
        subject = actor
        for _ in range(TRIES):
            subject = self.population.popular_one(self.random)
            if subject != actor and self._is_new(actor, str(subject), collection):
                break
        return subject if subject != actor else (actor + 1) % len(self.population)

    def _is_new(self, actor: int, subject: str, collection: str) -> bool:
        """Whether the account does this to the subject for the first time: a Bloom filter of one hash."""
        place = (_stable_hash(subject) ^ actor * 0x9E3779B97F4A7C15 ^ len(collection)) * 0xD6E8FEB86659FD93
        place = place >> 64 - self._pair_bits & (1 << self._pair_bits) - 1
        byte, bit = place >> 3, 1 << (place & 7)
        if self._pairs[byte] & bit:
            return self.random.random() < 0.001
        self._pairs[byte] |= bit
        return True


def _stable_hash(text: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(text[-13:].encode().ljust(13, b"."), "big") % 0xFFFFFFFFFFFFFFC5
