"""What the simulated servers know of accounts: documents, handles, repositories.

One interface (Host) over three sources: a Network, a World of single accounts, and a file of DID documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from .account import World
from .network import Network
from .repo import Repo


class Host(Protocol):
    """Everything that is asked about accounts, by DID."""

    def document(self, did: str) -> dict[str, Any] | None:
        """The DID document."""
        ...

    def did_of_handle(self, handle: str) -> str | None:
        """The account that has the handle (lower case)."""
        ...

    def repo(self, did: str) -> Repo | None:
        """The repository, if it has a commit."""
        ...

    def status(self, did: str) -> str:
        """`active`, or why the account is not."""
        ...

    def dids(self, start: int) -> Iterator[str]:
        """All DIDs in a fixed order, from a place on."""
        ...

    def settle(self, url: str) -> None:
        """The server's own URL is known now: the PDS of all accounts."""
        ...


class NetworkHost:
    """The accounts of a Network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        population = network.population
        self._numbers = {population.did(number): number for number in range(len(population))}

    def document(self, did: str) -> dict[str, Any] | None:
        number = self._numbers.get(did)
        return None if number is None else self.network.identity(number).document()

    def did_of_handle(self, handle: str) -> str | None:
        number = self.network.population.number_of_handle(handle)
        return None if number is None else self.network.population.did(number)

    def repo(self, did: str) -> Repo | None:
        repo = self.network.repos.get(self._numbers.get(did, -1))
        return repo if repo is not None and repo.rev is not None else None

    def status(self, did: str) -> str:
        return self.network.status(self._numbers[did])

    def dids(self, start: int) -> Iterator[str]:
        return (self.network.population.did(number) for number in range(start, len(self.network.population)))

    def settle(self, url: str) -> None:
        self.network.population.pds_url = url


class WorldHost:
    """The accounts of a World."""

    def __init__(self, world: World) -> None:
        self.world = world

    def document(self, did: str) -> dict[str, Any] | None:
        return next((account.document() for account in self.world.accounts if account.did == did), None)

    def did_of_handle(self, handle: str) -> str | None:
        return next((account.did for account in self.world.accounts if account.handle == handle), None)

    def repo(self, did: str) -> Repo | None:
        return next(
            (one.repo for one in self.world.accounts if one.did == did and one.repo.rev is not None), None
        )

    def status(self, did: str) -> str:
        account = next(account for account in self.world.accounts if account.did == did)
        return "active" if account.active else account.status or "deactivated"

    def dids(self, start: int) -> Iterator[str]:
        return (account.did for account in self.world.accounts[start:])

    def settle(self, url: str) -> None:
        self.world.pds_url = url
        for account in self.world.accounts:
            account.pds_url = url


class DocumentsHost:
    """Accounts of which only the DID documents are known; their repositories are somewhere else."""

    def __init__(self, documents: dict[str, dict[str, Any]]) -> None:
        self._documents = documents
        self._dids = list(documents)
        self._handles = {
            alias.removeprefix("at://").lower(): did
            for did, document in documents.items()
            for alias in document.get("alsoKnownAs", ())
        }

    def document(self, did: str) -> dict[str, Any] | None:
        return self._documents.get(did)

    def did_of_handle(self, handle: str) -> str | None:
        return self._handles.get(handle)

    def repo(self, did: str) -> Repo | None:
        return None

    def status(self, did: str) -> str:
        return "active"

    def dids(self, start: int) -> Iterator[str]:
        return iter(self._dids[start:])

    def settle(self, url: str) -> None:
        """Documents stay as they were recorded."""
