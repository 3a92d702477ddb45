"""Who does what next: the random process behind a simulated network's stream.

Owns the order of events and the little that must be remembered of each account to keep its acts possible (no delete
of what is not there). Gives the writes of each event; repositories, signatures and frames belong to `network`.

Every choice depends on the seed alone and never on what `owned` says, so that several processes can each
build the frames of their own accounts and together give one stream.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from collections import deque
from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Literal, NamedTuple

from indexer._fastpath.tid import to_text as tid_text

from . import content
from .attention import Attention
from .content import Reference
from .dagcbor import cid_of, cid_text
from .mix import MIX
from .population import Population
from .repo import Write

PUBLISH_DELAY_US = 40_000
"""A record is this much older than the event that tells of it."""


EventKind = Literal["commit", "identity", "account", "sync"]

_SELF_RECORDS = {
    "profile": (1, "app.bsky.actor.profile/self"),
    "status": (2, "app.bsky.actor.status/self"),
    "notification_declaration": (4, "app.bsky.notification.declaration/self"),
    "chat_declaration": (8, "chat.bsky.actor.declaration/self"),
    "labeler": (16, "app.bsky.labeler.service/self"),
}
_SEEN = 128


class Act(NamedTuple):
    """One event to be: its account, its kind, and the writes of a commit or the status of an account event."""

    actor: int
    kind: EventKind
    writes: tuple[Write, ...] = ()
    status: str = ""


class Traffic:
    """The events of one population, one after the other.

    `owned` chooses the accounts whose records are built (others' writes come out empty); `records_limit`
    bounds the records of any one repository.
    """

    def __init__(
        self,
        population: Population,
        owned: Callable[[int], bool] = lambda number: True,
        records_limit: int | None = None,
    ) -> None:
        self.population = population
        self.owned = owned
        self.records_limit = records_limit
        self.random = Random(f"traffic {population.seed}")
        count = len(population)
        self.records = array("I", bytes(4 * count))
        self.flags = bytearray(count)
        self.inactive: dict[int, str] = {}
        self._leaving: deque[int] = deque()
        names = (
            content.LIKE,
            content.REPOST,
            content.FOLLOW,
            content.BLOCK,
            content.POST,
            "list",
            "gated",
            "postgated",
        )
        self._last = {name: array("Q", bytes(8 * count)) for name in names}
        self.attention = Attention(population, self.random)
        self._cumulative = list(accumulate(MIX.values()))
        self._acts: list[Callable[[int, int], Act]] = [getattr(self, f"_{name}") for name in MIX]

    # --- what happens ---------------------------------------------------------------------------------------

    def next_act(self, instant_us: int) -> Act:
        """The next event, which will carry this instant."""
        actor = self._pick_actor()
        if not self.flags[actor] & _SEEN:
            return self.self_record(actor, instant_us, "profile")
        return self._acts[bisect(self._cumulative, self.random.random() * 100_000)](actor, instant_us)

    def opening_act(self, name: str, actor: int, instant_us: int) -> Act:
        """An event of a chosen account and sort: a key of MIX, or `commit` for the first one of an empty repository."""
        if name == "account":
            return Act(actor, "account", status="active")
        if name == "commit":
            self.flags[actor] |= _SEEN
            return Act(actor, "commit")
        return self._acts[list(MIX).index(name)](actor, instant_us)

    def _pick_actor(self) -> int:
        limit = self.records_limit
        for _ in range(8):
            actor = self.population.active_one(self.random)
            if actor not in self.inactive and (limit is None or self.records[actor] < limit):
                return actor
        return self._any_actor()

    def _any_actor(self) -> int:
        """The quietest account that may still act: chance found none."""
        for actor in range(len(self.population) - 1, -1, -1):
            if actor not in self.inactive and (
                self.records_limit is None or self.records[actor] < self.records_limit
            ):
                return actor
        raise ValueError(
            f"expected accounts with room below {self.records_limit} records, found none among {len(self.population)}"
        )

    # --- endorsements and relations -------------------------------------------------------------------------

    def _like(self, actor: int, instant_us: int) -> Act:
        return self._endorse(actor, instant_us, content.LIKE)

    def _repost(self, actor: int, instant_us: int) -> Act:
        return self._endorse(actor, instant_us, content.REPOST)

    def _endorse(self, actor: int, instant_us: int, collection: str) -> Act:
        if not self.attention.posts.items:
            return self._post(actor, instant_us)
        via = None
        random = self.random.random
        if self.attention.reposts.items and random() < 0.03:
            via, subject = self.attention.repost()
        else:
            subject = self.attention.post(actor, collection)
        rkey = self._new_key(actor, instant_us)
        self._last[collection][actor] = rkey
        self.records[actor] += 1
        is_repost = collection == content.REPOST
        if not is_repost and not self.owned(actor):
            return Act(actor, "commit")
        record = content.endorsement(collection, subject, instant_us - PUBLISH_DELAY_US, via)
        path = f"{collection}/{tid_text(rkey)}"
        if is_repost:
            reference = Reference(
                actor, f"at://{self.population.did(actor)}/{path}", cid_text(cid_of(record))
            )
            self.attention.reposts.add((reference, subject))
        return Act(actor, "commit", (Write("create", path, record),))

    def _follow(self, actor: int, instant_us: int) -> Act:
        return Act(actor, "commit", tuple(self._relate(actor, instant_us, content.FOLLOW)))

    def _block(self, actor: int, instant_us: int) -> Act:
        return Act(actor, "commit", tuple(self._relate(actor, instant_us, content.BLOCK)))

    def _follow_several(self, actor: int, instant_us: int) -> Act:
        """As a client does for a starter pack: many follows in one commit."""
        writes: list[Write] = []
        for index in range(3 + int(self.random.random() * 10)):
            writes += self._relate(actor, instant_us, content.FOLLOW, index)
        return Act(actor, "commit", tuple(writes))

    def _relate(self, actor: int, instant_us: int, collection: str, index: int = 0) -> list[Write]:
        subject = self.attention.account(actor, collection)
        rkey = self._new_key(actor, instant_us, index)
        self._last[collection][actor] = rkey
        self.records[actor] += 1
        if not self.owned(actor):
            return []
        record = content.relation(collection, self.population.did(subject), instant_us - PUBLISH_DELAY_US)
        return [Write("create", f"{collection}/{tid_text(rkey)}", record)]

    # --- posts ----------------------------------------------------------------------------------------------

    def _post(self, actor: int, instant_us: int) -> Act:
        random = self.random.random
        parent = quoted = None
        if self.attention.posts.items:
            parent = self.attention.post(actor) if random() < 0.4 else None
            quoted = self.attention.post(actor) if random() < 0.1 else None
        return Act(actor, "commit", (self._new_post(actor, instant_us, parent, quoted),))

    def _thread(self, actor: int, instant_us: int) -> Act:
        """Several posts in one commit, each a reply to the one before."""
        writes = [self._new_post(actor, instant_us, None, None)]
        for index in range(1, 2 + int(self.random.random() * 3)):
            before = self.attention.posts.recent(0)
            writes.append(self._new_post(actor, instant_us, before, None, index))
        return Act(actor, "commit", tuple(writes))

    def _new_post(
        self, actor: int, instant_us: int, parent: Reference | None, quoted: Reference | None, index: int = 0
    ) -> Write:
        mentioned = None
        if self.random.random() < 0.08:
            number = self.population.popular_one(self.random)
            mentioned = self.population.did(number), self.population.handle(number)
        record = content.post(self.random, instant_us - PUBLISH_DELAY_US, parent, quoted, mentioned)
        rkey = self._new_key(actor, instant_us, index)
        self._last[content.POST][actor] = rkey
        self.records[actor] += 1
        path = f"{content.POST}/{tid_text(rkey)}"
        root = (parent.root or parent) if parent is not None else None
        reference = Reference(
            actor, f"at://{self.population.did(actor)}/{path}", cid_text(cid_of(record)), root
        )
        self.attention.posts.add(reference)
        return Write("create", path, record)

    # --- deletes --------------------------------------------------------------------------------------------

    def _unlike(self, actor: int, instant_us: int) -> Act:
        return self._undo(actor, instant_us, content.LIKE)

    def _unrepost(self, actor: int, instant_us: int) -> Act:
        return self._undo(actor, instant_us, content.REPOST)

    def _unfollow(self, actor: int, instant_us: int) -> Act:
        return self._undo(actor, instant_us, content.FOLLOW)

    def _unblock(self, actor: int, instant_us: int) -> Act:
        return self._undo(actor, instant_us, content.BLOCK)

    def _delete_post(self, actor: int, instant_us: int) -> Act:
        return self._undo(actor, instant_us, content.POST)

    def _undo(self, actor: int, instant_us: int, collection: str) -> Act:
        """Delete the latest record of the collection, of this account or of another that has one."""
        last = self._last[collection]
        for _ in range(8):
            if last[actor]:
                path = f"{collection}/{tid_text(last[actor])}"
                last[actor] = 0
                self.records[actor] -= 1
                return Act(actor, "commit", (Write("delete", path),))
            actor = self._pick_actor()
        return (
            self._like(actor, instant_us) if self.flags[actor] & _SEEN else self._profile(actor, instant_us)
        )

    # --- records of which an account has one ----------------------------------------------------------------

    def _profile(self, actor: int, instant_us: int) -> Act:
        return self.self_record(actor, instant_us, "profile")

    def _status(self, actor: int, instant_us: int) -> Act:
        return self.self_record(actor, instant_us, "status")

    def _notification_declaration(self, actor: int, instant_us: int) -> Act:
        return self.self_record(actor, instant_us, "notification_declaration")

    def _chat_declaration(self, actor: int, instant_us: int) -> Act:
        return self.self_record(actor, instant_us, "chat_declaration")

    def _labeler(self, actor: int, instant_us: int) -> Act:
        return self.self_record(actor, instant_us, "labeler")

    def self_record(self, actor: int, instant_us: int, name: str) -> Act:
        """Create or replace the record with the key `self`; a status is deleted every other time."""
        flag, path = _SELF_RECORDS[name]
        there = bool(self.flags[actor] & flag)
        choice = self.random.random()
        self.flags[actor] |= flag | _SEEN
        if there and name == "status" and choice < 0.5:
            self.flags[actor] &= ~flag
            self.records[actor] -= 1
            return Act(actor, "commit", (Write("delete", path),))
        self.records[actor] += not there
        if not self.owned(actor):
            return Act(actor, "commit")
        record = self._self_content(name, actor, instant_us - PUBLISH_DELAY_US, there, choice)
        return Act(actor, "commit", (Write("update" if there else "create", path, record),))

    def _self_content(self, name: str, actor: int, instant_us: int, there: bool, choice: float) -> bytes:
        collection = _SELF_RECORDS[name][1].partition("/")[0]
        if name == "profile":
            edition = int(choice * 1000) + 1 if there else 0
            return content.profile(self.population.handle(actor), instant_us, edition)
        if name == "status":
            live = f"{collection}#live"
            return content.other(collection, instant_us, status=live, durationMinutes=5 + int(choice * 200))
        if name == "labeler":
            policies = {"labelValues": ["spam", "rude"][: 1 + int(choice * 2)]}
            return content.other(collection, instant_us, policies=policies)
        if name == "chat_declaration":
            return content.other(
                collection, instant_us, allowIncoming=("all", "none", "following")[int(choice * 3)]
            )
        allowed = ("followers", "mutuals", "none")[int(choice * 3)]
        return content.other(collection, instant_us, allowSubscriptions=allowed)

    # --- lists, gates, feeds --------------------------------------------------------------------------------

    def _list(self, actor: int, instant_us: int) -> Act:
        rkey = self._last["list"][actor] = self._new_key(actor, instant_us)
        purpose = "app.bsky.graph.defs#" + ("modlist" if self.random.random() < 0.3 else "curatelist")
        return self._one(
            actor, instant_us, "app.bsky.graph.list", tid_text(rkey), name="A list", purpose=purpose
        )

    def _list_item(self, actor: int, instant_us: int) -> Act:
        return self._with_list(actor, instant_us, "app.bsky.graph.listitem", "list", account=True)

    def _list_block(self, actor: int, instant_us: int) -> Act:
        return self._with_list(actor, instant_us, "app.bsky.graph.listblock", "subject")

    def _starter_pack(self, actor: int, instant_us: int) -> Act:
        return self._with_list(actor, instant_us, "app.bsky.graph.starterpack", "list", name="A starter pack")

    def _with_list(
        self, actor: int, instant_us: int, collection: str, field: str, account: bool = False, **fields: str
    ) -> Act:
        """A record about the account's own latest list; the list itself if it has none yet."""
        rkey = self._last["list"][actor]
        if not rkey:
            return self._list(actor, instant_us)
        fields[field] = f"at://{self.population.did(actor)}/app.bsky.graph.list/{tid_text(rkey)}"
        if account:
            fields["subject"] = self.population.did(self.population.popular_one(self.random))
        return self._one(actor, instant_us, collection, None, **fields)

    def _threadgate(self, actor: int, instant_us: int) -> Act:
        return self._gate(actor, instant_us, "gated")

    def _postgate(self, actor: int, instant_us: int) -> Act:
        return self._gate(actor, instant_us, "postgated")

    def _gate(self, actor: int, instant_us: int, kind: str) -> Act:
        """A gate on the account's latest post, unless it has one."""
        rkey = self._last[content.POST][actor]
        if not rkey or self._last[kind][actor] == rkey:
            return self._like(actor, instant_us)
        self._last[kind][actor] = rkey
        self.records[actor] += 1
        mention_only = self.random.random() < 0.5
        base, key = f"at://{self.population.did(actor)}", tid_text(rkey)
        created, uri = instant_us - PUBLISH_DELAY_US, f"{base}/{content.POST}/{key}"
        if kind == "postgated":
            record, collection = content.postgate(uri, created), "app.bsky.feed.postgate"
        else:
            own_list = self._last["list"][actor]
            lists = [f"{base}/app.bsky.graph.list/{tid_text(own_list)}"] if own_list else []
            record, collection = (
                content.threadgate(uri, created, lists, mention_only),
                "app.bsky.feed.threadgate",
            )
        return Act(actor, "commit", (Write("create", f"{collection}/{key}", record),))

    def _generator(self, actor: int, instant_us: int) -> Act:
        key = f"feed-{instant_us % 1_000_000_007:x}"
        did, name = "did:web:feeds.example.com", "A feed"
        return self._one(actor, instant_us, "app.bsky.feed.generator", key, did=did, displayName=name)

    def _verification(self, actor: int, instant_us: int) -> Act:
        number = self.population.popular_one(self.random)
        fields = {"subject": self.population.did(number), "handle": self.population.handle(number)}
        return self._one(
            actor, instant_us, "app.bsky.graph.verification", None, displayName="Somebody", **fields
        )

    def _unknown(self, actor: int, instant_us: int) -> Act:
        """A record of somebody else's lexicon."""
        return self._one(actor, instant_us, "com.example.listening.play", None, title="A song", length="3:20")

    def _one(self, actor: int, instant_us: int, collection: str, rkey: str | None, **fields: str) -> Act:
        self.records[actor] += 1
        key = rkey or tid_text(self._new_key(actor, instant_us))
        record = content.other(collection, instant_us - PUBLISH_DELAY_US, **fields)
        return Act(actor, "commit", (Write("create", f"{collection}/{key}", record),))

    # --- events without records -----------------------------------------------------------------------------

    def _identity(self, actor: int, instant_us: int) -> Act:
        return Act(actor, "identity")

    def _sync(self, actor: int, instant_us: int) -> Act:
        return Act(actor, "sync")

    def _account(self, actor: int, instant_us: int) -> Act:
        """One leaves or one comes back; few of those who leave delete their accounts for good.

        Account 0 stays, so that whoever looks at the network has somebody to look at.
        """
        choice = self.random.random()
        if self._leaving and choice < 0.5:
            actor = self._leaving.popleft()
            del self.inactive[actor]
            return Act(actor, "account", status="active")
        if actor == 0 or 2 * len(self.inactive) >= len(self.population):
            return self._identity(actor, instant_us)
        status = "deleted" if choice > 0.97 else "suspended" if choice > 0.9 else "deactivated"
        self.inactive[actor] = status
        if status != "deleted":
            self._leaving.append(actor)
        return Act(actor, "account", status=status)

    # --- record keys ---------------------------------------------------------------------------------------------

    def _new_key(self, actor: int, instant_us: int, index: int = 0) -> int:
        """A record key of its own: clock identifiers leave room for 16 keys in one microsecond."""
        return instant_us - PUBLISH_DELAY_US << 10 | (actor * 16 & 1023) + index
