"""app.bsky.feed.getQuotes: the posts that quote a post."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.endpoints.feed.get_likes import with_subject
from indexer.api.parameters import AtUri, Cid, Paged
from indexer.hydration.state import FeedItem, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.posts import post_view
from indexer.views.rules import third_parties_block, viewer_blocks, viewer_sees_needs_review


class Params(Paged, frozen=True, kw_only=True):
    uri: AtUri
    cid: Cid | None = None


class Skeleton(NamedTuple):
    quotes: list[FeedItem]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Skeleton([])
    cursor = Cursor.parse(params.cursor)
    key = (await call.services.keys.post_keys([params.uri])).get(params.uri)
    if key is None:
        return Skeleton([])
    return Skeleton(*await call.services.threads.quotes_of(key, cursor, params.limit))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.posts(call.asker, [quote.post for quote in found.quotes])


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(quotes=[quote for quote in found.quotes if _shown(state, quote)])


def _shown(state: State, quote: FeedItem) -> bool:
    post = state.posts.get(quote.post)
    if post is None or viewer_blocks(state, post.actor):
        return False
    if post.quote is not None and third_parties_block(state, post.actor, post.quote[1]):
        return False
    return viewer_sees_needs_review(state, post.actor, state.post_uri(post.key))


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    views = (post_view(state, quote.post) for quote in found.quotes)
    answer = {"posts": [view for view in views if view is not None]}
    return with_subject(call.params.uri, call.params.cid, answer, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.feed.getQuotes", Params, paged("posts", pipeline(skeleton, hydrate, present, rules))
)
