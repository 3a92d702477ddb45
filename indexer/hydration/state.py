"""What one request has read: rows by compact key, with the parts of records that rules and views look at.

Owns the shapes that cross from hydration to rules and views. Rows are built from the columns of the .sql files in the
order that they stand there (a test holds both together). Nothing in here reads anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import orjson

from indexer.hydration.encoding import record_json
from indexer.hydration.fragments import Fragments
from indexer.hydration.links import Links
from indexer.records.collections import POST
from indexer.store.reads.edges import Edge
from indexer.store.reads.feeds import FeedItem
from indexer.store.reads.keys import Key, KeyBook, RecordKey, split_uri
from indexer.store.reads.notices import Notice
from indexer.store.reads.spelling import cid_text

Json = dict[str, Any]

__all__ = [
    "NO_MARKS",
    "NO_RELATION",
    "Actor",
    "Asker",
    "Edge",
    "FeedItem",
    "Json",
    "Key",
    "Label",
    "ListState",
    "Notice",
    "PairBlocks",
    "Post",
    "PostMarks",
    "ProfileDetail",
    "ProfileTies",
    "Record",
    "RecordKey",
    "Relation",
    "State",
    "Stored",
    "Verification",
    "list_keys",
    "split_uri",
]


class Stored(msgspec.Struct, gc=False):
    """A record's bytes in their stored form (records/compression.py), converted when first looked at."""

    record: bytes
    _json: bytes | None = None
    _value: Json | None = None

    def json(self) -> orjson.Fragment:
        """The record for an answer, verbatim."""
        return orjson.Fragment(self._text())

    def value(self) -> Json:
        """The record for rules and views to look into, in JSON form."""
        if self._value is None:
            self._value = orjson.loads(self._text())
        assert self._value is not None
        return self._value

    def holds(self, text: bytes) -> bool:
        """Whether the record's JSON holds `text` anywhere: a look before value()."""
        return text in self._text()

    def _text(self) -> bytes:
        if self._json is None:
            self._json = record_json(self.record)
        return self._json


class Actor(msgspec.Struct, gc=False):
    """An account as `actors.sql` gives it."""

    id: int
    did: str
    handle: str | None
    status: int
    takedown_ref: str | None
    indexed_at: int | None
    profile_cid: bytes | None
    profile_created_at: int | None
    profile_indexed_at: int | None
    profile_record: bytes | None
    is_labeler: bool
    notification_declaration: bytes | None
    chat_declaration: bytes | None
    status_cid: bytes | None
    status_created_at: int | None
    status_indexed_at: int | None
    status_record: bytes | None
    blocks_lists: bool = False
    _profile: Stored | None = None

    @property
    def profile(self) -> Stored | None:
        """The profile record, if the account has one."""
        if self._profile is None and self.profile_record is not None:
            self._profile = Stored(self.profile_record)
        return self._profile

    def cid_of_profile(self) -> str:
        """The CID of the profile record; only where there is one."""
        assert self.profile_cid is not None
        return cid_text(self.profile_cid)


class Relation(msgspec.Struct, gc=False):
    """How the viewer and an account stand to one another, as `relations.sql` gives it."""

    actor: int = 0
    muted: bool = False
    muted_only_reposts: bool = False
    muted_only_quotes: bool = False
    muted_by_lists: list[int] = []
    blocking: int | None = None
    blocked_by: int | None = None
    blocking_by_lists: list[int] = []
    blocked_by_lists: list[int] = []
    following: int | None = None
    followed_by: int | None = None
    list_owners: list[int] = []
    json: bytes | None = None  # as views show it, once they have

    @property
    def is_plain(self) -> bool:
        """Whether neither hides anything from the viewer: at most they follow one another."""
        return not (
            self.muted
            or self.muted_only_reposts
            or self.muted_only_quotes
            or self.muted_by_lists
            or self.blocking is not None
            or self.blocked_by is not None
            or self.blocking_by_lists
            or self.blocked_by_lists
        )


#: To oneself, to those with whom one has nothing to do, and of nobody.
NO_RELATION: Final = Relation()


STRANGER_JSON: Final = (
    b'{"muted":false,"mutedOnlyReposts":false,"mutedOnlyQuoteposts":false,"blockedBy":false}'
)
"""How views show that viewer and account have nothing to do with one another (views/profiles.py)."""


class PairBlocks(msgspec.Struct, gc=False, frozen=True):
    """Blocks between two accounts, directly and by lists, as `blocks_between.sql` gives them."""

    one: int = 0
    other: int = 0
    direct: bool = False
    lists: list[int] = []
    list_owners: list[int] = []


NO_BLOCKS: Final = PairBlocks()


class PostMarks(msgspec.Struct, gc=False):
    """What the viewer has put on a post, as `post_marks.sql` gives it."""

    rkey: int = 0
    actor: int = 0
    like: int | None = None
    repost: int | None = None
    bookmarked: bool = False
    thread_muted: bool = False


NO_MARKS: Final = PostMarks()


class Post(msgspec.Struct, gc=False):
    """A post as `posts.sql` gives it, and its counts."""

    rkey: int
    actor: int
    sort_at: int
    indexed_at: int
    parent_key: int | None
    parent_actor: int | None
    root_key: int | None
    root_actor: int | None
    quote_key: int | None
    quote_actor: int | None
    flags: int
    cid_digest: bytes
    record_bytes: bytes
    bookmarks: int
    threadgate_cid: bytes | None
    threadgate: bytes | None
    postgate: bytes | None
    likes: int = 0
    reposts: int = 0
    replies: int = 0
    quotes: int = 0
    _record: Stored | None = None
    _threadgate: Stored | None = None
    _postgate: Stored | None = None

    @property
    def key(self) -> Key:
        return (self.rkey, self.actor)

    @property
    def parent(self) -> Key | None:
        """The key of the post that this one replies to."""
        if self.parent_key is None or self.parent_actor is None:
            return None
        return (self.parent_key, self.parent_actor)

    @property
    def root(self) -> Key:
        """The key of the thread's first post: its own if it replies to nothing."""
        if self.root_key is None or self.root_actor is None:
            return self.key
        return (self.root_key, self.root_actor)

    @property
    def quote(self) -> Key | None:
        """The key of the post that this one embeds."""
        if self.quote_key is None or self.quote_actor is None:
            return None
        return (self.quote_key, self.quote_actor)

    @property
    def record(self) -> Stored:
        if self._record is None:
            self._record = Stored(self.record_bytes)
        return self._record

    @property
    def threadgate_record(self) -> Stored:
        """The gate that the post's author put on the thread; only where `threadgate` is not None."""
        if self._threadgate is None:
            assert self.threadgate is not None
            self._threadgate = Stored(self.threadgate)
        return self._threadgate

    @property
    def postgate_record(self) -> Stored:
        """The gate on quoting this post; only where `postgate` is not None."""
        if self._postgate is None:
            assert self.postgate is not None
            self._postgate = Stored(self.postgate)
        return self._postgate

    # What a record may hold is looked for in its JSON's text first: most posts have none of it and need no parsing.

    @property
    def has_embed(self) -> bool:
        return self.record.holds(b"app.bsky.embed.")

    @property
    def embeds_record(self) -> bool:
        return self.record.holds(b"app.bsky.embed.record")

    @property
    def may_label_itself(self) -> bool:
        return self.record.holds(b"#selfLabels")

    @property
    def cid(self) -> str:
        return cid_text(self.cid_digest)


class Record(msgspec.Struct, gc=False):
    """A generator, list, starter pack, labeler, ... as `records.sql` gives it."""

    kind: int
    key: int
    actor: int
    cid_digest: bytes
    created_at: int | None
    indexed_at: int
    record_bytes: bytes
    likes: int
    viewer_like: int | None
    _record: Stored | None = None

    @property
    def record(self) -> Stored:
        if self._record is None:
            self._record = Stored(self.record_bytes)
        return self._record

    @property
    def cid(self) -> str:
        return cid_text(self.cid_digest)

    @property
    def sort_at(self) -> int:
        return self.indexed_at if self.created_at is None else min(self.created_at, self.indexed_at)


class ListState(msgspec.Struct, gc=False):
    """A list's size and the viewer's standing to it as `list_states.sql` gives it."""

    key: int
    actor: int
    items: int
    muted: bool
    blocked: int | None
    viewer_listed: bool
    opted_out: int | None = None


class ProfileDetail(msgspec.Struct, gc=False):
    """What only a detailed profile shows, as `profile_details.sql` gives it, and the account's counts.

    `few_followers`: who follows the account, None where they are many.
    """

    actor: int
    lists: int
    feeds: int
    starter_packs: int
    few_followers: list[int] | None
    followers: int = 0
    follows: int = 0
    posts: int = 0


class ProfileTies(msgspec.Struct, gc=False):
    """What ties the viewer to an account beside their relation, as `profile_ties.sql` gives it."""

    actor: int
    known_followers_count: int
    known_followers: list[int]
    subscribed_posts: bool | None
    subscribed_replies: bool | None

    @property
    def subscription(self) -> tuple[bool, bool] | None:
        """Whether the viewer is subscribed to the account's posts, and to its replies; None without a subscription."""
        if self.subscribed_posts is None or self.subscribed_replies is None:
            return None
        return (self.subscribed_posts, self.subscribed_replies)


class Verification(msgspec.Struct, gc=False):
    """A trusted verifier's statement about an account."""

    subject: int
    issuer: int
    key: int
    handle: str
    display_name: str
    sort_at: int


class Label(msgspec.Struct, gc=False):
    """A labeler's statement about a URI or DID."""

    src: str
    uri: str
    cid: str
    val: str
    cts: str
    exp: str | None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and what they may and want to see."""

    viewer: int | None = None  # the account's id
    did: str | None = None
    labelers: tuple[str, ...] = ()  # DIDs whose labels apply
    redact: frozenset[str] = frozenset()  # of these, the ones that may take content down
    include_takedowns: bool = False  # operators and the moderation service see what is taken down
    skip_viewer_blocks: bool = False
    version: tuple[int, ...] | None = (
        None  # of the viewer's own doings, see rows.py; None: nothing may be kept
    )

    @property
    def sees_more(self) -> bool:
        """Whether the asker sees what nobody else sees: what is taken down, or what blocks hide."""
        return self.include_takedowns or self.skip_viewer_blocks

    @property
    def is_ordinary(self) -> bool:
        """Whether the asker sees what everybody sees but for blocks and mutes: no labels, nothing taken down."""
        return not (self.labelers or self.redact or self.sees_more)

    @property
    def without_labels(self) -> Asker:
        """The same asker, shown things on which there are no labels."""
        return replace(self, labelers=(), redact=frozenset())


class Holes:
    """What a view that is made for all viewers leaves open, and what it rests on.

    `relations`: accounts whose relation to the viewer must be a plain one; `counted`: posts whose counts stand in the
    text; `unfit`: the view cannot be made for all (a gate names lists).
    """

    __slots__ = ("counted", "relations", "unfit")

    def __init__(self) -> None:
        self.relations: set[int] = set()
        self.counted: set[Key] = set()
        self.unfit = False

    def relation(self, actor: int) -> orjson.Fragment:
        """Where the viewer's relation to an account is to stand."""
        self.relations.add(actor)
        return orjson.Fragment(b"\0r%d\0" % actor)

    def marks(self, post: Key) -> bytes:
        """Where the viewer's marks on a post are to stand."""
        return b"\0m%d,%d\0" % post

    def gated_marks(self, post: Key, gatekeeper: int | None) -> bytes:
        """The same where a gate says what the viewer may do: also by the relation to `gatekeeper`, if there is one."""
        if gatekeeper is not None:
            self.relations.add(gatekeeper)
        return b"\0g%d,%d\0" % post

    def counts(self, post: Key) -> bytes:
        """Where a post's counts are to stand."""
        return b"\0c%d,%d\0" % post


@dataclass(slots=True)
class State:
    """Everything that one request (or one page of it) has read, by compact key.

    `spelling` writes keys as URIs (from memory; every key in here has been learned). A key that is absent was asked for
    and is not there, or was never asked for: views treat both as not found.
    """

    asker: Asker
    spelling: KeyBook
    links: Links
    fragments: Fragments
    actors: dict[int, Actor] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)
    posts: dict[Key, Post] = field(default_factory=dict)
    marks: dict[Key, PostMarks] = field(default_factory=dict)
    records: dict[RecordKey, Record] = field(default_factory=dict)
    lists: dict[Key, ListState] = field(default_factory=dict)
    pack_joins: dict[Key, tuple[int, int]] = field(default_factory=dict)
    pair_blocks: dict[tuple[int, int], PairBlocks] = field(default_factory=dict)
    labels: dict[str, list[Label]] = field(default_factory=dict)
    verifications: dict[int, list[Verification]] = field(default_factory=dict)
    trusted_verifiers: frozenset[int] = frozenset()
    details: dict[int, ProfileDetail] = field(default_factory=dict)
    ties: dict[int, ProfileTies] = field(default_factory=dict)
    edges: dict[RecordKey, Edge] = field(default_factory=dict)
    uris: dict[str, RecordKey] = field(default_factory=dict)
    root_likes: dict[Key, int] = field(default_factory=dict)
    known_likers: dict[Key, tuple[int, list[int]]] = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)
    holes: Holes | None = None  # set while a view is made once for all viewers

    @property
    def viewer(self) -> int | None:
        return self.asker.viewer

    def uri(self, collection: int, key: int, actor: int) -> str:
        """The AT-URI of a record whose account was read."""
        return f"at://{self.actors[actor].did}/{self.spelling.path(collection, key)}"

    def post_uri(self, key: Key) -> str:
        return self.uri(POST, *key)

    def did(self, actor: int) -> str:
        """The DID of an account that was read."""
        return self.actors[actor].did

    def relation(self, actor: int) -> Relation:
        """How the viewer and an account stand to one another."""
        if self.holes is not None:
            self.holes.relations.add(actor)
        return self.relations.get(actor, NO_RELATION)

    def block_between(self, one: int, other: int) -> PairBlocks:
        """Blocks between two accounts whose pair was asked for."""
        if one == other:
            return NO_BLOCKS
        return self.pair_blocks.get((min(one, other), max(one, other)), NO_BLOCKS)


def list_keys(flat: list[int] | None) -> Iterator[Key]:
    """The (key, actor) pairs of a flat array column."""
    if flat:
        yield from zip(flat[::2], flat[1::2], strict=True)
