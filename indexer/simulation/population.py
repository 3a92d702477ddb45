"""The accounts of a simulated network by number: 0 is the most active and the most popular.

Owns who they are (derived from the seed when asked for, remembered where it pays) and how often chance picks
them. Knows nothing of what they do.
"""

from __future__ import annotations

from random import Random

from .identity import DEFAULT_PDS, Identity, plc_did

ACTIVITY_SKEW = 1.6
POPULARITY_SKEW = 3.0
"""Account `int(n * u ** skew)` of n for a uniform u: a Zipf distribution of exponent 1 - 1 / skew."""

P256_EVERY = 50
LEGACY_EVERY = 5
"""One account in so many signs with P-256; one in so many has the older form of DID document."""

_NAMES_TEXT = """
ada alan anita ash barbara basil bea carol cedar clay cleo dana dennis donald edsger ella fern finn fran
grace hazel hedy iris ivan jade jean john juno kai karen katherine ken lena leslie linus lou mae margaret
mary mira moss niko nora olive otto pearl pip quinn radia ray remy robin rosa rowan ruth sage shafi sol
sophie tess theo tim uma vera vint wren xan yara zora
"""
NAMES = tuple(_NAMES_TEXT.split())


class Population:
    """`count` accounts of one seed, served by one PDS."""

    def __init__(self, seed: int, count: int, pds_url: str = DEFAULT_PDS) -> None:
        if count < 2:
            raise ValueError(f"expected at least 2 accounts, got {count}")
        self.seed = seed
        self.count = count
        self.pds_url = pds_url
        self._dids: list[str | None] = [None] * count

    def __len__(self) -> int:
        return self.count

    def did(self, number: int) -> str:
        """The account's DID."""
        did = self._dids[number]
        if did is None:
            did = self._dids[number] = plc_did(self._seed_of(number))
        return did

    def handle(self, number: int) -> str:
        """The account's handle: a name and its number, under `.test`."""
        return f"{NAMES[number % len(NAMES)]}{number}.test"

    def number_of_handle(self, handle: str) -> int | None:
        """The account that has this handle, if any."""
        digits = handle.lower().removesuffix(".test").lstrip("abcdefghijklmnopqrstuvwxyz")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 12:
            return None
        number = int(digits)
        return number if number < self.count and self.handle(number) == handle.lower() else None

    def identity(self, number: int) -> Identity:
        """The account's names and key, made anew at every call."""
        return Identity(
            self._seed_of(number),
            self.handle(number),
            self.pds_url,
            p256=number % P256_EVERY == P256_EVERY - 1,
            legacy=number % LEGACY_EVERY == LEGACY_EVERY - 1,
        )

    def active_one(self, random: Random) -> int:
        """An account as often as it acts."""
        return int(self.count * random.random() ** ACTIVITY_SKEW)

    def popular_one(self, random: Random) -> int:
        """An account as often as others look at it."""
        return int(self.count * random.random() ** POPULARITY_SKEW)

    def _seed_of(self, number: int) -> bytes:
        return f"{self.seed}/{number}".encode()
