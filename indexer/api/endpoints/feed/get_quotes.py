"""app.bsky.feed.getQuotes: the posts that quote a post."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import page
from indexer.api.subjects import Params, pointing, with_subject
from indexer.hydration.state import FeedItem, Json, State
from indexer.views.posts import post_view
from indexer.views.rules import third_parties_block, viewer_blocks, viewer_sees_needs_review


class Skeleton(NamedTuple):
    quotes: list[FeedItem]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    return Skeleton(*await pointing(call, call.services.threads.quotes_of))


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
    return with_subject(call, page("posts", views, found.cursor))


ENDPOINT = Endpoint(
    "app.bsky.feed.getQuotes", Params, paged("posts", pipeline(skeleton, hydrate, present, rules))
)
