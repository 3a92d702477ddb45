"""app.bsky.feed.getAuthorFeed: what one account posted and reposted."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import AtIdentifier, Paged
from indexer.errors import InvalidRequest
from indexer.hydration.state import FeedItem, Json, Key, Post, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.store.reads.feeds import FILTERS
from indexer.views.feeds import feed_answer, hidden
from indexer.views.profiles_detailed import pinned_post
from indexer.views.rules import known_actor, viewer_is_blocked_by, viewer_is_blocking

_THREADS = "posts_and_author_threads"


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier
    filter: str = "posts_with_replies"
    include_pins: bool = False


class Skeleton(NamedTuple):
    actor: int
    items: list[FeedItem]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    actor = await call.actor(params.actor)
    author = await call.services.hydrator.profiles(call.asker, [actor])
    found = known_actor(author, actor)
    if found is None:
        raise InvalidRequest("Profile not found")
    if of_an_older_kind(params.cursor):
        return Skeleton(actor, [])
    which = FILTERS.get(params.filter, FILTERS["posts_with_replies"])
    items, cursor = await call.services.feeds.author(actor, which, Cursor.parse(params.cursor), params.limit)
    if params.include_pins and not params.cursor and found.profile is not None:
        pinned = pinned_post(found.profile.value())
        if pinned is not None and pinned["uri"].startswith(f"at://{found.did}/"):
            keys = await call.services.keys.post_keys([pinned["uri"]])
            if pinned["uri"] in keys:
                items = _with_pin(items, keys[pinned["uri"]], pinned["cid"])
    return Skeleton(actor, items, cursor)


def _with_pin(items: list[FeedItem], key: Key, cid: str) -> list[FeedItem]:
    return [FeedItem(0, cid, key, pinned=True), *(item for item in items if item.post != key)]


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.feed(call.asker, found.items, actors=[found.actor])


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    did = state.did(found.actor)
    if viewer_is_blocking(state, found.actor):
        raise InvalidRequest(f"Requester has blocked actor: {did}", "BlockedActor")
    if viewer_is_blocked_by(state, found.actor):
        raise InvalidRequest(f"Requester is blocked by actor: {did}", "BlockedByActor")
    threads = SelfThreads(found.items, state) if call.params.filter == _THREADS else None
    items = [
        item
        for item in found.items
        if _shown(state, item)
        and (threads is None or item.repost is not None or item.pinned or threads.complete(item.post))
    ]
    return found._replace(items=items)


def _shown(state: State, item: FeedItem) -> bool:
    reasons = hidden(state, item)
    if reasons.author_blocked or reasons.originator_blocked:
        return False
    # Who looks at a muted account's profile wants to see it; a repost of somebody muted stays hidden.
    return not reasons.author_muted or reasons.originator_muted


class SelfThreads:
    """Which replies belong to a thread that the page holds up to its first post."""

    def __init__(self, items: list[FeedItem], state: State) -> None:
        self._state = state
        self._in_feed = {item.post for item in items if item.repost is None}
        self._known: dict[Key, bool] = {}

    def complete(self, key: Key) -> bool:
        path: list[Key] = []
        at: Key | None = key
        verdict = False
        while True:
            if at is None:
                verdict = True
                break
            if at in self._known:
                verdict = self._known[at]
                break
            post: Post | None = self._state.posts.get(at)
            if at in path or at not in self._in_feed or post is None:
                path.append(at)
                break
            path.append(at)
            at = post.parent
        for step in path:
            self._known[step] = verdict
        return verdict


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    return feed_answer(state, found.items, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.feed.getAuthorFeed",
    Params,
    paged("feed", pipeline(skeleton, hydrate, present, rules)),
    auth=Mode.OPTIONAL_STANDARD_OR_ROLE,
    repo_rev=True,
)
