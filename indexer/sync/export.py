"""From an account to the frames that bring our copy of its repository up to date.

Owns: the steps of one attempt (identity, download, proof with one key refresh, comparison) and their order.
When to try, and what happens to the frames, is resync.py's business.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

from indexer._fastpath.proof import Repository
from indexer._fastpath.tid import to_int
from indexer.errors import IdentityNotFound, VerificationError
from indexer.sync.did_document import DidDocument
from indexer.sync.identity import IdentityResolver
from indexer.sync.pds import PdsClient
from indexer.sync.repository import difference, frames, read_export

Stored = Callable[[int], Awaitable[Mapping[str, bytes | None]]]
"""Gives the stored records of an actor id: "collection/rkey" -> 32-byte digest of the CID, None where not
known.
"""


class Export(NamedTuple):
    """A fetched repository, compared: `rev` as an integer, `data` the digest of the tree's root, the number
    of records that are created, updated or deleted, and the frames that do it.
    """

    rev: int
    data: bytes
    changes: int
    frames: Iterator[bytes]


class Exporter:
    """Fetches repositories. `indexed` says which collections are stored."""

    def __init__(
        self,
        resolver: IdentityResolver,
        client: PdsClient,
        stored: Stored,
        indexed: Callable[[str], bool],
    ) -> None:
        self._resolver = resolver
        self._client = client
        self._stored = stored
        self._indexed = indexed

    async def fetch(self, did: str, actor: int, *, at_least: int = 0) -> Export:
        """The repository of an account (`actor` is its id), whose rev must not be below `at_least`.

        Raises IdentityError, HostUnavailable, RepositoryUnavailable, AnswerRefused, VerificationError, and
        what the reading of the stored records raises.
        """
        # Read before the download: a record that the stream stores meanwhile is then not mistaken for a deleted one.
        stored = await self._stored(actor)
        document = await self._resolver.resolve(did)
        if document.pds is None:
            raise IdentityNotFound(f"expected a PDS in the DID document of {did}, got none")
        car = await self._client.repository(document.pds, did)
        repository = await self._read(car, document)
        rev = to_int(repository.rev)
        if rev is None or rev <= 0:
            raise VerificationError(f"expected a TID as rev of {did}, got {repository.rev[:40]!r}")
        if rev < at_least:
            raise VerificationError(f"expected a commit of {did} not before rev {at_least}, got {rev}")
        operations = difference(repository.records, stored, self._indexed)
        return Export(rev, repository.data.digest, len(operations), frames(repository, operations, _now()))

    async def _read(self, car: bytes, document: DidDocument) -> Repository:
        key = document.signing_key
        if key is not None:
            try:
                return read_export(car, document.did, key)
            except VerificationError:
                fresh = (await self._resolver.refresh(document.did)).signing_key
                if fresh is None or fresh == key:
                    raise
        else:
            fresh = (await self._resolver.refresh(document.did)).signing_key
        if fresh is None:
            raise VerificationError(f"expected a signing key in the DID document of {document.did}, got none")
        return read_export(car, document.did, fresh)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
