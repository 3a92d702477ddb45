"""app.bsky.actor.searchActors: accounts by parts of their handles."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Accounts, hydrate_accounts, present_accounts, unblocked
from indexer.api.parameters import Limit, Paged
from indexer.store.reads.cursors import Cursor


class Params(Paged, frozen=True, kw_only=True):
    term: str | None = None
    q: str | None = None
    limit: Limit = 25

    @property
    def wanted(self) -> str:
        """What is looked for; `term` is its older name."""
        return self.q or self.term or ""


async def skeleton(call: Call[Params]) -> Accounts:
    params = call.params
    return Accounts(
        *await call.services.search.actors(params.wanted, Cursor.parse(params.cursor), params.limit)
    )


ENDPOINT = Endpoint(
    "app.bsky.actor.searchActors",
    Params,
    paged("actors", pipeline(skeleton, hydrate_accounts, present_accounts("actors"), unblocked)),
)
