"""app.bsky.feed.getRepostedBy: who reposted a post."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Accounts, hydrate_accounts, page, unblocked
from indexer.api.subjects import Params, pointing, with_subject
from indexer.hydration.state import Json, State
from indexer.views.profiles import profile


async def skeleton(call: Call[Params]) -> Accounts:
    reposts, after = await pointing(call, call.services.edges.reposts_of)
    return Accounts([repost.actor for repost in reposts], after)


def present(call: Call[Params], found: Accounts, state: State) -> Json:
    views = (profile(state, actor) for actor in found.actors)
    return with_subject(call, page("repostedBy", views, found.cursor))


ENDPOINT = Endpoint(
    "app.bsky.feed.getRepostedBy",
    Params,
    paged("repostedBy", pipeline(skeleton, hydrate_accounts, present, unblocked)),
)
