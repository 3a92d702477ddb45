"""Whether an account really is inactive or deleted, asked at the PDS that its DID document names now.

Owns: which question settles which #account event (after a migration the old host keeps telling of its
account). What follows from the answer is policy.py's business.
"""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from indexer._fastpath.events import AccountEvent
from indexer.errors import IdentityError, IdentityNotFound, UpstreamError
from indexer.sync.identity import IdentityResolver
from indexer.sync.pds import PdsClient, RepositoryUnavailable
from indexer.sync.policy import (
    VISIBLE,
    AccountStatus,
    Confirmation,
    account_status,
    effective_status,
)

DEADLINE = 3.0
"""Seconds that the events of one batch may take: the batch waits for them."""


class AccountChecker:
    """Asks about accounts; may be used by many tasks at once."""

    def __init__(self, resolver: IdentityResolver, client: PdsClient) -> None:
        self._resolver = resolver
        self._client = client

    async def confirm(self, did: str, status: AccountStatus) -> Confirmation:
        """What the present PDS of `did` says about an #account event with `status`. Raises nothing about the
        network.

        A deletion is confirmed where the host has no such repository (or there is no host, or no such DID any
        more); any other status that hides where the host calls the account inactive.
        """
        if status in VISIBLE:
            return Confirmation.CONFIRMED
        try:
            document = await self._resolver.refresh(did)
        except IdentityNotFound:
            return Confirmation.CONFIRMED
        except IdentityError:
            return Confirmation.UNKNOWN
        if document.pds is None:
            return Confirmation.CONFIRMED
        try:
            if status is AccountStatus.DELETED:
                await self._client.latest_commit(document.pds, did)
                return Confirmation.CONTRADICTED
            answer = await self._client.repository_status(document.pds, did)
        except RepositoryUnavailable as error:
            # Deactivated or taken down is not deleted: the repository is still there.
            if status is AccountStatus.DELETED and error.reason != "RepoNotFound":
                return Confirmation.UNKNOWN
            return Confirmation.CONFIRMED
        except UpstreamError:
            return Confirmation.UNKNOWN
        hidden = account_status(answer.active, answer.status) not in VISIBLE
        return Confirmation.CONFIRMED if hidden else Confirmation.CONTRADICTED

    async def confirmed(
        self, events: Sequence[AccountEvent], deadline: float = DEADLINE
    ) -> list[AccountEvent]:
        """The #account events of a batch as they may be stored: what the accounts' hosts contradict is left
        out, and a deletion that nobody confirms within `deadline` seconds only deactivates.

        Several events of one account are settled by one question per status.
        """
        questions = {(event.did, account_status(event.active, event.status)) for event in events}
        answers: dict[tuple[str, AccountStatus], Confirmation] = {}

        async def ask(did: str, status: AccountStatus) -> None:
            answers[did, status] = await self.confirm(did, status)

        with anyio.move_on_after(deadline):
            async with anyio.create_task_group() as tasks:
                for did, status in questions:
                    if status not in VISIBLE:
                        tasks.start_soon(ask, did, status)
        kept = []
        for event in events:
            status = account_status(event.active, event.status)
            unsure = Confirmation.CONFIRMED if status in VISIBLE else Confirmation.UNKNOWN
            effective = effective_status(status, answers.get((event.did, status), unsure))
            if effective is not None:
                name = None if effective is AccountStatus.ACTIVE else effective.name.lower()
                kept.append(event._replace(status=name))
        return kept
