"""Keys by which callers are recognized: what is stored first, then the network.

Owns: the order of sources and how long a stored key is believed without looking again. Knows neither SQL nor
tokens: loading and saving come in as functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from indexer.sync.did_document import SIGNING_KEY, DidDocument
from indexer.sync.identity import IdentityResolver
from indexer.sync.ttl_cache import LookupCache, Outcome

HELD_SECONDS = 300.0
HELD_KEYS = 100_000
"""Stored keys held in memory, about 0.4 KB each."""


class AccountKeys:
    """The `SigningKeys` of the API: actor.signing_key, and behind it the resolver.

    `load` reads the stored signing key of a DID (None: unknown); `save` stores a document that was found to
    differ.
    """

    def __init__(
        self,
        resolver: IdentityResolver,
        load: Callable[[str], Awaitable[bytes | None]],
        save: Callable[[DidDocument], Awaitable[None]] | None = None,
    ) -> None:
        self._resolver = resolver
        self._load = load
        self._save = save
        self._held: LookupCache[str, bytes] = LookupCache(HELD_KEYS)

    async def signing_key(self, did: str, fragment: str, *, refresh: bool) -> bytes | None:
        """The 34-byte key under `fragment` of `did`, None if its document has none.

        Only the account's signing key is stored; other fragments come from the document. Raises
        IdentityNotFound or IdentityError as the resolver does, and what `load` raises.
        """
        if fragment != SIGNING_KEY:
            document = await (self._resolver.refresh(did) if refresh else self._resolver.resolve(did))
            return document.keys.get(fragment)
        if not refresh:
            return await self._held.get(did, lambda: self._stored(did))
        document = await self._resolver.refresh(did)
        self._held.drop(did)
        if self._save is not None and document.signing_key is not None:
            await self._save(document)
        return document.signing_key

    async def _stored(self, did: str) -> Outcome[bytes]:
        key = await self._load(did)
        if key is None:
            key = (await self._resolver.resolve(did)).signing_key
        return Outcome(key, None, HELD_SECONDS)
