"""The header with which clients choose whose labels apply: `atproto-accept-labelers: did, did;redact`."""

from __future__ import annotations

from typing import NamedTuple

from indexer._fastpath.syntax import valid_did


class Labelers(NamedTuple):
    """Labelers in the order asked for, and those of them that may take content down."""

    dids: tuple[str, ...] = ()
    redact: frozenset[str] = frozenset()

    def header(self) -> str:
        """As `Atproto-Content-Labelers` tells which were applied."""
        return ",".join(f"{did};redact" if did in self.redact else did for did in self.dids)

    def only(self, available: set[str]) -> Labelers:
        return Labelers(tuple(did for did in self.dids if did in available), self.redact & available)


def parse_labelers(header: str | None, default: tuple[str, ...] = ()) -> Labelers:
    """The labelers that a request asks for; `default` (all may redact) where it does not, or not well."""
    standard = Labelers(default, frozenset(default))
    if header is None:
        return standard
    dids: dict[str, None] = {}
    redact = set()
    for member in header.split(","):
        did, *parameters = (part.strip() for part in member.split(";"))
        if not did and not parameters and not header.strip():
            continue
        if not valid_did(did):
            return standard
        dids[did] = None
        if any(parameter in ("redact", "redact=?1") for parameter in parameters):
            redact.add(did)
    return Labelers(tuple(dids), frozenset(redact))
