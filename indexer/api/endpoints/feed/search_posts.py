"""app.bsky.feed.searchPosts: posts by their words, authors, times, languages, tags and links."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import AtIdentifier, Language, Limit, Paged, Uri
from indexer.api.router import MethodNotImplemented
from indexer.hydration.state import Json, State
from indexer.records.words import author, mention, quoted
from indexer.store.reads.post_search import Page, Query, parse_query
from indexer.views.posts import post_view
from indexer.views.rules import viewer_blocks


class Params(Paged, frozen=True, kw_only=True):
    q: str
    sort: str = "latest"
    since: str | None = None
    until: str | None = None
    mentions: AtIdentifier | None = None
    author: AtIdentifier | None = None
    lang: Language | None = None
    domain: str | None = None
    url: Uri | None = None
    tag: list[Annotated[str, Meta(max_length=640)]] | None = None
    limit: Limit = 25


async def skeleton(call: Call[Params]) -> Page:
    params = call.params
    if not call.services.settings.search_enabled:
        raise MethodNotImplemented
    given = {
        name: getattr(params, name)
        for name in ("since", "until", "mentions", "author", "lang", "domain", "url")
    }
    query = parse_query(params.q, given, params.tag or [])
    if not await _resolve(call, query):
        return Page([], None, 0)
    search = call.services.post_search
    find = search.top if params.sort == "top" else search.latest
    return await find(query, params.cursor, params.limit)


async def _resolve(call: Call[Params], query: Query) -> bool:
    """Put the accounts that a query names into its parts; False where one that is wanted is not known."""
    me = call.asker.did
    names = {named.name for named in (*query.authors, *query.mentioned)}
    known = await call.services.keys.ids_of_actors([me if name == "me" and me else name for name in names])
    for named in query.authors:
        actor = known.get(me if named.name == "me" and me else named.name)
        if actor is not None:
            query.add(quoted(author(actor)), named.wanted)
        elif named.wanted:
            return False
    for named in query.mentioned:
        did = await _did(call, me if named.name == "me" and me else named.name, known)
        if did is not None:
            query.add(quoted(mention(did)), named.wanted)
        elif named.wanted:
            return False
    return True


async def _did(call: Call[Params], name: str, known: dict[str, int]) -> str | None:
    if name.startswith("did:"):
        return name
    if name not in known:
        return None
    state = await call.services.hydrator.profiles(call.asker, [known[name]])
    return state.did(known[name])


async def hydrate(call: Call[Params], found: Page) -> State:
    return await call.services.hydrator.posts(call.asker, found.posts)


def rules(call: Call[Params], found: Page, state: State) -> Page:
    return found._replace(posts=[key for key in found.posts if not viewer_blocks(state, key[1])])


def present(call: Call[Params], found: Page, state: State) -> Json:
    views = (post_view(state, key) for key in found.posts)
    answer: Json = {"posts": [view for view in views if view is not None]}
    if found.total is not None:
        answer["hitsTotal"] = found.total
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.feed.searchPosts", Params, paged("posts", pipeline(skeleton, hydrate, present, rules))
)
