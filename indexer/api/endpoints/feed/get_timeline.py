"""app.bsky.feed.getTimeline: what the followed accounts and the viewer posted and reposted."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged
from indexer.api.parameters import Paged
from indexer.api.shown import feed_items, show
from indexer.hydration.state import Json
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.feeds import feed_page

_SHOWN = feed_items("home", any)


class Params(Paged, frozen=True, kw_only=True):
    algorithm: str | None = None


async def answer(call: Call[Params]) -> Json:
    params, services = call.params, call.services
    if of_an_older_kind(params.cursor):
        return feed_page([], None)
    cursor = Cursor.parse(params.cursor)
    items, after = await services.home.page(call.viewer, cursor, params.limit, cached=call.may_be_kept)
    return feed_page(await show(services.hydrator, call.asker, items, _SHOWN), after)


ENDPOINT = Endpoint(
    "app.bsky.feed.getTimeline",
    Params,
    paged("feed", answer),
    auth=Mode.STANDARD,
    repo_rev=True,
)
