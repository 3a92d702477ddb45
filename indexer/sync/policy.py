"""What follows from what was seen: rules about accounts' states and statuses, without any I/O.

Owns: the codes of actor.status and repo.state, which #account event counts, what an answer of an account's
PDS says about such an event, and what a refused commit leads to. Knows neither network nor tables.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class AccountStatus(IntEnum):
    """The codes of actor.status."""

    ACTIVE = 0
    DEACTIVATED = 1
    DELETED = 2
    TAKENDOWN = 3
    SUSPENDED = 4
    DESYNCHRONIZED = 5
    THROTTLED = 6


class RepositoryState(IntEnum):
    """The codes of repo.state (sync specification, "Record-Level Synchronization")."""

    SYNCHRONIZED = 0
    DESYNCHRONIZED = 1
    IN_PROGRESS = 2


_STATUSES = {
    "deactivated": AccountStatus.DEACTIVATED,
    "deleted": AccountStatus.DELETED,
    "takendown": AccountStatus.TAKENDOWN,
    "suspended": AccountStatus.SUSPENDED,
    "desynchronized": AccountStatus.DESYNCHRONIZED,
    "throttled": AccountStatus.THROTTLED,
}

VISIBLE = frozenset((AccountStatus.ACTIVE, AccountStatus.DESYNCHRONIZED, AccountStatus.THROTTLED))
"""Statuses under which an account's content is shown: the last two may come with active = true and hide
nothing.
"""


def account_status(active: bool, status: str | None) -> AccountStatus:
    """The status that an #account event gives. An inactive account without a status that we know is
    deactivated: hidden, nothing deleted (account specification: unknown statuses must be tolerated).
    """
    known = _STATUSES.get(status or "")
    if active:
        return known if known is not None and known in VISIBLE else AccountStatus.ACTIVE
    return AccountStatus.DEACTIVATED if known is None or known in VISIBLE else known


def is_newer(event_time: int, stored_time: int | None) -> bool:
    """Whether an #account event counts: `time` is stamped by the PDS and survives relays, so that after a
    migration the old host's late events are told from the new one's. Both in milliseconds; equal times are
    a replay.
    """
    return stored_time is None or event_time > stored_time


class Confirmation(Enum):
    """What the account's own PDS says about an #account event that hides or deletes."""

    CONFIRMED = "confirmed"
    """It is so: apply the event."""
    CONTRADICTED = "contradicted"
    """The account is active there: ignore the event, an old host sent it."""
    UNKNOWN = "unknown"
    """Nobody answers: hide the account, but delete nothing."""


def effective_status(status: AccountStatus, confirmation: Confirmation) -> AccountStatus | None:
    """What to store for an event with `status` after asking the PDS; None to ignore the event.

    An unconfirmed deletion only deactivates: rows that were deleted by mistake would be gone.
    """
    if status in VISIBLE or confirmation is Confirmation.CONFIRMED:
        return status
    if confirmation is Confirmation.CONTRADICTED:
        return None
    return AccountStatus.DEACTIVATED if status is AccountStatus.DELETED else status


class Consequence(Enum):
    """What a refused commit leads to."""

    COUNT = "count"
    """Nothing more than being counted."""
    REFRESH_KEY = "refresh key"
    """The signing key is asked for anew, once, and the commit verified again; then it is refused."""
    RESYNCHRONIZE = "resynchronize"
    """Our copy of the repository lacks what the commit did: it is fetched whole."""


_OF_NO_CONSEQUENCE = frozenset(
    ("replayed", "out_of_shard", "refused_account", "future_rev", "unknown_collection")
)
_FLAW_OF_A_RECORD = ("record_", "subject_", "bad_path")


def consequence(reason: str, *, refreshed: bool = False) -> Consequence:
    """What the drop reason of a batch leads to (labels as in `Batch.drops`).

    A replay, a foreign shard or one bad record costs nothing else. A signature that fails is tried again
    after the key was `refreshed`. Whatever else refuses a whole commit leaves a hole in our copy of the
    repository, which the next good commit's `since` would show as well, only later.
    """
    if reason in _OF_NO_CONSEQUENCE or reason.startswith(_FLAW_OF_A_RECORD):
        return Consequence.COUNT
    if reason in ("signature_invalid", "key_unknown") and not refreshed:
        return Consequence.REFRESH_KEY
    return Consequence.RESYNCHRONIZE
