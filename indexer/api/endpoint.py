"""What an endpoint is: a method's name, parameters, who may call it, and a pipeline from call to answer.

Most endpoints are `pipeline(skeleton, hydrate, present, rules)`: which things, everything about them, which of them the
viewer may see, how they look. `paged` reads further pages while a page is less than half full after the rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from indexer.api.auth import Mode
from indexer.api.parameters import Paged, Parameters
from indexer.api.services import Services
from indexer.errors import InvalidRequest
from indexer.hydration.state import Asker, Json, State

P = TypeVar("P", bound=Parameters)
Page = TypeVar("Page", bound=Paged)
S = TypeVar("S")

_FULL_ENOUGH = 2
_MOST_PAGES = 10


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """One request: parameters, who asks, and what the worker offers for answering it."""

    params: P
    asker: Asker
    services: Services
    body: Any = None

    @property
    def viewer(self) -> int:
        """The asking account's id; only for endpoints that nobody else may call."""
        assert self.asker.viewer is not None
        return self.asker.viewer

    @property
    def may_be_kept(self) -> bool:
        """Whether what is kept from earlier requests may answer this one."""
        return self.services.hydrator.book.of(self.asker.viewer, self.asker.version) is not None

    async def account(self) -> int:
        """The asking account's id, given out now if it has never been seen: for methods that store private state."""
        assert self.asker.did is not None
        return (await self.services.keys.created_ids([self.asker.did]))[self.asker.did]

    async def actor(self, name: str, error: str = "Profile not found") -> int:
        """The id of an at-identifier from the parameters. InvalidRequest(`error`) if it is not known."""
        found = (await self.services.keys.ids_of_actors([name])).get(name)
        if found is None:
            raise InvalidRequest(error)
        return found


Answer = Callable[[Call[P]], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[P]):
    """A method of the API.

    `repo_rev`: the answer tells the viewer's last indexed revision; with `rev_of_errors` an error does as well.
    `admin`: the method is there only where the operator has set a password.
    """

    nsid: str
    params: type[P]
    answer: Callable[[Call[P]], Awaitable[Json | None]]
    auth: Mode | None = Mode.STANDARD_OPTIONAL  # None: anybody, the Authorization header is not looked at
    repo_rev: bool = False
    rev_of_errors: bool = False
    labelers: bool = True
    admin: bool = False
    body: type[msgspec.Struct] | None = None  # of procedures (POST); None: a query (GET)


def pipeline(
    skeleton: Callable[[Call[P]], Awaitable[S]],
    hydrate: Callable[[Call[P], S], Awaitable[State]],
    present: Callable[[Call[P], S, State], Json],
    rules: Callable[[Call[P], S, State], S] | None = None,
) -> Answer[P]:
    """The four stages as one function."""

    async def answer(call: Call[P]) -> Json:
        found = await skeleton(call)
        state = await hydrate(call, found)
        if rules is not None:
            found = rules(call, found, state)
        return present(call, found, state)

    return answer


def paged(items: str, answer: Answer[Page]) -> Answer[Page]:
    """Pages of `answer`, joined until at least half of `limit` items stand under the key `items`.

    A page that rules have emptied would look like the list's end to clients (reference: fillPage).
    """

    async def answer_full(call: Call[Page]) -> Json:
        limit = call.params.limit
        result = await answer(call)
        found: list[Json] = result[items]
        cursor = result.pop("cursor", None)
        pages = 1
        while cursor is not None and len(found) * _FULL_ENOUGH < limit and pages < _MOST_PAGES:
            params = msgspec.structs.replace(call.params, cursor=cursor, limit=limit - len(found))
            more = await answer(Call(params, call.asker, call.services, call.body))
            found.extend(more[items])
            following = more.get("cursor")
            cursor = None if following == cursor else following
            pages += 1
        if cursor is not None:
            result["cursor"] = cursor
        return result

    return answer_full
