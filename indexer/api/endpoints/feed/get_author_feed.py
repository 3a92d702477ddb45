"""app.bsky.feed.getAuthorFeed: what one account posted and reposted."""

from __future__ import annotations

from collections.abc import Mapping

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged
from indexer.api.parameters import AtIdentifier, Paged
from indexer.api.shown import feed_items, show
from indexer.errors import InvalidRequest
from indexer.hydration.state import FeedItem, Json, Key, Post
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.store.reads.feeds import FILTERS
from indexer.views.feeds import Hidden, feed_page
from indexer.views.profiles_detailed import pinned_post
from indexer.views.rules import known_actor, viewer_is_blocked_by, viewer_is_blocking

_THREADS = "posts_and_author_threads"


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier
    filter: str = "posts_with_replies"
    include_pins: bool = False


async def answer(call: Call[Params]) -> Json:
    params, services = call.params, call.services
    actor = await call.actor(params.actor)
    state = await services.hydrator.profiles(call.asker, [actor])
    found = known_actor(state, actor)
    if found is None:
        raise InvalidRequest("Profile not found")
    if viewer_is_blocking(state, actor):
        raise InvalidRequest(f"Requester has blocked actor: {found.did}", "BlockedActor")
    if viewer_is_blocked_by(state, actor):
        raise InvalidRequest(f"Requester is blocked by actor: {found.did}", "BlockedByActor")
    if of_an_older_kind(params.cursor):
        return feed_page([], None)
    which = FILTERS.get(params.filter, FILTERS["posts_with_replies"])
    items, cursor = await services.kept_feeds.author(
        call.asker, actor, which, Cursor.parse(params.cursor), params.limit
    )
    if params.include_pins and not params.cursor and found.profile is not None:
        pinned = pinned_post(found.profile.value())
        if pinned is not None and pinned["uri"].startswith(f"at://{found.did}/"):
            keys = await services.keys.post_keys([pinned["uri"]])
            if pinned["uri"] in keys:
                items = _with_pin(items, keys[pinned["uri"]], pinned["cid"])
    views = await show(services.hydrator, call.asker, items, _SHOWN)
    if params.filter == _THREADS:
        posts = await services.hydrator.rows_of_posts(call.asker, [item.post for item in items])
        threads = SelfThreads(items, posts)
        views = [
            view if item.repost is not None or item.pinned or threads.complete(item.post) else None
            for item, view in zip(items, views, strict=True)
        ]
    return feed_page(views, cursor)


def _with_pin(items: list[FeedItem], key: Key, cid: str) -> list[FeedItem]:
    return [FeedItem(0, cid, key, pinned=True), *(item for item in items if item.post != key)]


def _hides(reasons: Hidden) -> bool:
    if reasons.author_blocked or reasons.originator_blocked:
        return True
    # Who looks at a muted account's profile wants to see it; a repost of somebody muted stays hidden.
    return reasons.author_muted and not reasons.originator_muted


_SHOWN = feed_items("author", _hides)


class SelfThreads:
    """Which replies belong to a thread that the page holds up to its first post."""

    def __init__(self, items: list[FeedItem], posts: Mapping[Key, Post]) -> None:
        self._posts = posts
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
            post: Post | None = self._posts.get(at)
            if at in path or at not in self._in_feed or post is None:
                path.append(at)
                break
            path.append(at)
            at = post.parent
        for step in path:
            self._known[step] = verdict
        return verdict


ENDPOINT = Endpoint(
    "app.bsky.feed.getAuthorFeed",
    Params,
    paged("feed", answer),
    auth=Mode.OPTIONAL_STANDARD_OR_ROLE,
    repo_rev=True,
)
