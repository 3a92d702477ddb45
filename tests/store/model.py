"""The index as plain dictionaries: slow, obvious, one event at a time. What the database must equal after any stream.

Everything goes by name (DIDs, AT-URIs), nothing by id. Rules as in the reference AppView; see indexer/records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from indexer._fastpath.syntax import parse_datetime
from indexer.simulation.dagcbor import cid_of, cid_text, encode
from indexer.simulation.repo import Write

LIKE, REPOST, FOLLOW, BLOCK = (
    f"app.bsky.{name}" for name in ("feed.like", "feed.repost", "graph.follow", "graph.block")
)
POST, PROFILE = "app.bsky.feed.post", "app.bsky.actor.profile"
LIST_ITEM, LIST_BLOCK, VERIFICATION = (
    f"app.bsky.graph.{name}" for name in ("listitem", "listblock", "verification")
)
THREADGATE, POSTGATE = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
UNIQUE = (LIKE, REPOST, FOLLOW, BLOCK, LIST_ITEM, LIST_BLOCK, VERIFICATION)
VIOLATES_THREADGATE, VIOLATES_POSTGATE, INVALID_REPLY_ROOT = 256, 512, 1024


def author_of(uri: str) -> str:
    """The DID in an AT-URI."""
    return uri.split("/")[2]


class Stored(NamedTuple):
    """A record as it was indexed."""

    cid: str
    record: dict[str, Any]
    indexed_at: int


class Notification(NamedTuple):
    """One row of the notifications: `subject` is an AT-URI or None."""

    recipient: str
    author: str
    reason: str
    record: str
    subject: str | None
    sort_at: int


@dataclass
class Model:
    """All state; `commit`, `account` apply one event."""

    records: dict[str, Stored] = field(default_factory=dict)
    first: dict[tuple[str, str, str], str] = field(
        default_factory=dict
    )  # (collection, author, subject) -> URI
    waiting: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    quiet: dict[str, bool] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    status: dict[str, tuple[str | None, int]] = field(default_factory=dict)

    # --- events -----------------------------------------------------------------------------------------------------

    def commit(self, did: str, writes: list[Write], time: int) -> None:
        """Apply one commit: its deletes first."""
        for write in sorted(writes, key=lambda write: write.action != "delete"):
            uri = f"at://{did}/{write.path}"
            collection = write.path.split("/")[0]
            if write.action == "delete":
                self._delete(uri, collection, time)
            elif write.action == "create":
                if uri not in self.records:
                    self._create(uri, collection, self._stored(write, time))
            else:
                self._update(uri, collection, self._stored(write, time))

    def account(self, did: str, active: bool, status: str | None, time: int) -> None:
        """Apply an #account event."""
        if did in self.status and time <= self.status[did][1]:
            return
        self.status[did] = (None if active else status, time)
        if not active and status == "deleted":
            for uri in [uri for uri in self.records if author_of(uri) == did]:
                self._forget(uri)
            self.first = {key: uri for key, uri in self.first.items() if author_of(uri) != did}
            for key in [key for key in self.waiting if key[1] == did]:
                del self.waiting[key]
            self.notifications = [n for n in self.notifications if did not in (n.recipient, n.author)]

    # --- one op -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _stored(write: Write, time: int) -> Stored:
        assert isinstance(write.record, dict)
        return Stored(cid_text(cid_of(encode(write.record))), write.record, time)

    def _forget(self, uri: str) -> None:
        del self.records[uri]
        self.quiet.pop(uri, None)
        self.flags.pop(uri, None)

    @staticmethod
    def key_of(uri: str, collection: str, record: dict[str, Any]) -> tuple[str, str, str] | None:
        """What a record is unique about, None where it is not."""
        if collection not in UNIQUE:
            return None
        subject = record["subject"]["uri"] if collection in (LIKE, REPOST) else record["subject"]
        if collection == LIST_ITEM:
            subject = f"{record['list']} {subject}"
        return (collection, author_of(uri), subject)

    @staticmethod
    def sort_at(stored: Stored) -> int:
        """The earlier of createdAt and the event's time."""
        return min(parse_datetime(stored.record["createdAt"]), stored.indexed_at)

    def _create(
        self, uri: str, collection: str, stored: Stored, replaced: tuple[bool, bool] | None = None
    ) -> None:
        """replaced: (same subject, was quiet) of the record that this one updates."""
        self.records[uri] = stored
        if collection == POST:
            self._post(uri, stored)
        if collection == PROFILE and replaced is None:
            pack = stored.record.get("joinedViaStarterPack")
            if pack is not None:
                self._notify(
                    pack_owner := author_of(pack["uri"]),
                    "starterpack-joined",
                    uri,
                    pack["uri"],
                    stored.indexed_at,
                )
                assert pack_owner
        key = self.key_of(uri, collection, stored.record)
        if key is None:
            return
        if key in self.first:
            self.waiting[key].append(uri)
            return
        self.first[key] = uri
        if replaced is not None:
            same, was_quiet = replaced
            self.quiet[uri] = was_quiet if same else True
            return
        self.quiet[uri] = False
        author, at = author_of(uri), self.sort_at(stored)
        if collection in (LIKE, REPOST) and author_of(stored.record["subject"]["uri"]) != author:
            via = stored.record.get("via")
            if via is not None and author_of(via["uri"]) != author:
                self._notify(
                    author_of(via["uri"]), f"{collection.split('.')[-1]}-via-repost", uri, via["uri"], at
                )
        if collection == VERIFICATION:
            self._notify(stored.record["subject"], "verified", uri, None, at)

    def _delete(
        self, uri: str, collection: str, time: int, *, promote: bool = True, update: bool = False
    ) -> None:
        if uri not in self.records:
            return
        stored = self.records[uri]
        key = self.key_of(uri, collection, stored.record)
        was_first = key is not None and self.first.get(key) == uri
        self._forget(uri)
        if collection == POST or (collection in (LIKE, REPOST) and was_first and not update):
            self.notifications = [n for n in self.notifications if n.record != uri]
        if key is None:
            return
        if not was_first:
            self.waiting[key].remove(uri)
            return
        del self.first[key]
        if collection == VERIFICATION:
            self._notify(stored.record["subject"], "unverified", uri, None, time)
        if promote and self.waiting[key]:
            heir = min(self.waiting[key], key=lambda other: (self.records[other].indexed_at, other))
            self.waiting[key].remove(heir)
            self.first[key] = heir
            self.quiet[heir] = True

    def _update(self, uri: str, collection: str, stored: Stored) -> None:
        before = self.records.get(uri)
        replaced = None
        if before is not None:
            key = self.key_of(uri, collection, before.record)
            same = key == self.key_of(uri, collection, stored.record)
            if key is None or self.first.get(key) == uri:
                replaced = (same, self.quiet.get(uri, False))
            elif collection in (LIKE, REPOST, FOLLOW, BLOCK):
                replaced = (
                    False,
                    True,
                )  # it waited: like a promoted duplicate, it comes without a notification
            self._delete(uri, collection, stored.indexed_at, promote=not same, update=True)
        self._create(uri, collection, stored, replaced)

    def _notify(self, recipient: str, reason: str, record: str, subject: str | None, at: int) -> None:
        self.notifications.append(Notification(recipient, author_of(record), reason, record, subject, at))

    # --- posts ------------------------------------------------------------------------------------------------------

    def parent_of(self, uri: str) -> str | None:
        """The URI that a stored post replies to."""
        reply = self.records[uri].record.get("reply")
        return None if reply is None else str(reply["parent"]["uri"])

    def root_of(self, uri: str) -> str | None:
        """The URI of the root that a stored post names."""
        reply = self.records[uri].record.get("reply")
        return None if reply is None else str(reply["root"]["uri"])

    def quote_of(self, record: dict[str, Any]) -> str | None:
        """The URI of the post that a record quotes."""
        embed = record.get("embed", {})
        return str(embed["record"]["uri"]) if embed.get("$type") == "app.bsky.embed.record" else None

    def mentions(self, record: dict[str, Any]) -> list[str]:
        """The DIDs that a post mentions."""
        return [feature["did"] for facet in record.get("facets", []) for feature in facet["features"]]

    def _post(self, uri: str, stored: Stored) -> None:
        author, record, at = author_of(uri), stored.record, self.sort_at(stored)
        flags = 0
        parent, root, quote = self.parent_of(uri), self.root_of(uri), self.quote_of(record)
        if parent is not None:
            assert root is not None
            flags |= INVALID_REPLY_ROOT if parent == uri or self._invalid_root(parent, root) else 0
            flags |= VIOLATES_THREADGATE if self._violates_gate(author, root) else 0
        if quote is not None and author_of(quote) != author:
            gate = self.records.get(quote.replace(POST, POSTGATE))
            flags |= VIOLATES_POSTGATE if gate is not None and gate.record.get("embeddingRules") else 0
        self.flags[uri] = flags
        done = {author}
        for did in self.mentions(record):
            if did not in done:
                done.add(did)
                self._notify(did, "mention", uri, None, at)
        if quote is not None and author_of(quote) not in done and not flags & VIOLATES_POSTGATE:
            done.add(author_of(quote))
            self._notify(author_of(quote), "quote", uri, quote, at)
        hidden = self._hidden(root or uri)
        if not flags & VIOLATES_THREADGATE:
            self._notify_above(uri, uri, 0, done, hidden if parent is not None else [])
        self._late_parent(uri, hidden if root is not None else [])

    def _notify_above(self, reply: str, below: str, height: int, done: set[str], hidden: list[str]) -> None:
        at = self.sort_at(self.records[reply])
        parent = self.parent_of(below)
        while parent in self.records and height + 1 < 5:
            height += 1
            if author_of(parent) not in done:
                done.add(author_of(parent))
                self._notify(author_of(parent), "reply", reply, parent, at)
            if parent in hidden:
                return
            parent = self.parent_of(parent)

    def _late_parent(self, uri: str, hidden: list[str]) -> None:
        def replies(parent: str) -> list[str]:
            return [u for u in self.records if f"/{POST}/" in u and self.parent_of(u) == parent]

        level = [[child] for child in replies(uri) if child != uri]
        for height in range(1, 5):
            for path in level:
                reply = path[-1]
                if not self.flags[reply] & VIOLATES_THREADGATE and not set(path[:-1]) & set(hidden):
                    done = {author_of(reply)} | {n.recipient for n in self.notifications if n.record == reply}
                    self._notify_above(reply, path[0], height - 1, done, hidden)
            level = [
                [*path, child] for path in level for child in replies(path[-1]) if child not in (uri, *path)
            ]

    def _invalid_root(self, parent: str, root: str) -> bool:
        if parent not in self.records or self.flags[parent] & INVALID_REPLY_ROOT:
            return True
        return self.parent_of(parent) is not None if parent == root else self.root_of(parent) != root

    def _hidden(self, root: str) -> list[str]:
        gate = self.records.get(root.replace(POST, THREADGATE))
        return [] if gate is None else list(gate.record.get("hiddenReplies", []))

    def _violates_gate(self, replier: str, root: str) -> bool:
        owner = author_of(root)
        gate = self.records.get(root.replace(POST, THREADGATE))
        if gate is None or replier == owner or "allow" not in gate.record:
            return False
        for rule in gate.record["allow"]:
            match rule["$type"].split("#")[1]:
                case "mentionRule" if root in self.records and replier in self.mentions(
                    self.records[root].record
                ):
                    return False
                case "followerRule" if (FOLLOW, replier, owner) in self.first:
                    return False
                case "followingRule" if (FOLLOW, owner, replier) in self.first:
                    return False
                case "listRule" if (
                    LIST_ITEM,
                    author_of(rule["list"]),
                    f"{rule['list']} {replier}",
                ) in self.first:
                    return False
        return True

    # --- what is derived --------------------------------------------------------------------------------------------

    def post_counts(self) -> dict[str, tuple[int, int, int, int]]:
        """URI -> likes, reposts, replies, quotes, by counting; only where one is not 0."""
        likes = Counter(key[2] for key in self.first if key[0] == LIKE)
        reposts = Counter(key[2] for key in self.first if key[0] == REPOST)
        posts = [uri for uri in self.records if f"/{POST}/" in uri]
        replies = Counter(self.parent_of(uri) for uri in posts if not self.flags[uri] & VIOLATES_THREADGATE)
        quotes = Counter(self.quote_of(self.records[uri].record) for uri in posts)
        subjects = {*likes, *reposts, *replies, *quotes} - {None}
        return {uri: (likes[uri], reposts[uri], replies[uri], quotes[uri]) for uri in subjects if uri}

    def actor_counts(self) -> dict[str, tuple[int, int, int]]:
        """DID -> followers, follows, posts, by counting; only where one is not 0."""
        followers = Counter(key[2] for key in self.first if key[0] == FOLLOW)
        follows = Counter(key[1] for key in self.first if key[0] == FOLLOW)
        posts = Counter(author_of(uri) for uri in self.records if f"/{POST}/" in uri)
        return {did: (followers[did], follows[did], posts[did]) for did in {*followers, *follows, *posts}}
