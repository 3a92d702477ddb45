"""app.bsky.feed.searchPosts: posts by their words, authors, times, languages, tags and links."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtIdentifier, Language, Limit, Parameters, Uri
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, Key, State
from indexer.store.reads.post_search import LATEST, parse_query
from indexer.views.posts import post_view
from indexer.views.rules import viewer_blocks


class Params(Parameters, frozen=True, kw_only=True):
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
    cursor: str | None = None


class Skeleton(NamedTuple):
    posts: list[Key]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    given = {
        name: getattr(params, name)
        for name in ("since", "until", "mentions", "author", "lang", "domain", "url")
    }
    query = parse_query(params.q, given, params.tag or [])
    names = [name for name in (query.author, query.mentions) if name is not None]
    if "me" in names and call.asker.did is not None:
        query.author = call.asker.did if query.author == "me" else query.author
        query.mentions = call.asker.did if query.mentions == "me" else query.mentions
        names = [name for name in (query.author, query.mentions) if name is not None]
    known = await call.services.keys.ids_of_actors(names)
    author = known.get(query.author) if query.author is not None else None
    mentioned = await _did(call, query.mentions, known)
    if (query.author is not None and author is None) or (query.mentions is not None and mentioned is None):
        return Skeleton([])
    posts, following = await call.services.post_search.find(
        query, author, mentioned, _place(params.cursor), params.limit
    )
    return Skeleton(posts, None if following is None else str(following))


async def _did(call: Call[Params], name: str | None, known: dict[str, int]) -> str | None:
    if name is None or name.startswith("did:"):
        return name
    if name not in known:
        return None
    state = await call.services.hydrator.profiles(call.asker, [known[name]])
    return state.did(known[name])


def _place(cursor: str | None) -> int:
    if not cursor:
        return LATEST
    if not cursor.isdecimal() or len(cursor) > 19:
        raise InvalidRequest("Malformed cursor")
    return min(int(cursor), LATEST)


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.posts(call.asker, found.posts)


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    posts = [key for key in found.posts if not viewer_blocks(state, key[1])]
    if call.params.sort == "top":
        posts.sort(key=lambda key: -state.posts[key].likes if key in state.posts else 0)
    return found._replace(posts=posts)


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    views = (post_view(state, key) for key in found.posts)
    answer: Json = {"posts": [view for view in views if view is not None]}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint("app.bsky.feed.searchPosts", Params, pipeline(skeleton, hydrate, present, rules))
