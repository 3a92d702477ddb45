"""Whether an account really is inactive or deleted, asked at the PDS that its DID document names now.

Owns: which question settles which #account event (after a migration the old host keeps telling of its
account). What follows from the answer is policy.py's business.
"""

from __future__ import annotations

from indexer.errors import IdentityError, IdentityNotFound, UpstreamError
from indexer.sync.identity import IdentityResolver
from indexer.sync.pds import PdsClient, RepositoryUnavailable
from indexer.sync.policy import VISIBLE, AccountStatus, Confirmation, account_status


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
