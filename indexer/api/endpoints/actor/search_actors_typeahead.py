"""app.bsky.actor.searchActorsTypeahead: accounts while somebody types a handle."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.listing import Accounts, hydrate_accounts, present_accounts
from indexer.api.parameters import Limit, Parameters
from indexer.hydration.state import State
from indexer.views.profiles import profile_basic
from indexer.views.rules import viewer_blocks

_LOOKED_AT = 200
"""Who types waits for each letter: fewer than in a search that goes on for pages."""


class Params(Parameters, frozen=True, kw_only=True):
    term: str | None = None
    q: str | None = None
    limit: Limit = 10

    @property
    def wanted(self) -> str:
        """What is looked for; `term` is its older name."""
        return self.q or self.term or ""


async def skeleton(call: Call[Params]) -> Accounts:
    params = call.params
    found, _ = await call.services.search.actors(params.wanted, None, params.limit, looked_at=_LOOKED_AT)
    return Accounts(found)


def rules(call: Call[Params], found: Accounts, state: State) -> Accounts:
    return found._replace(
        actors=[
            actor
            for actor in found.actors
            if not viewer_blocks(state, actor) or _is_exact(call, state, actor)
        ]
    )


def _is_exact(call: Call[Params], state: State, actor: int) -> bool:
    """Who types a whole handle finds the account even behind a block."""
    found = state.actors.get(actor)
    return found is not None and (found.handle or "").lower() == call.params.wanted.lower()


ENDPOINT = Endpoint(
    "app.bsky.actor.searchActorsTypeahead",
    Params,
    pipeline(skeleton, hydrate_accounts, present_accounts("actors", profile_basic), rules),
)
