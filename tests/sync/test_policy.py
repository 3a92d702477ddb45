"""The rules about accounts and refused commits, as tables."""

from __future__ import annotations

import pytest

from indexer.sync.policy import (
    AccountStatus,
    Confirmation,
    Consequence,
    account_status,
    consequence,
    effective_status,
    is_newer,
)


@pytest.mark.parametrize(
    ("active", "status", "expected"),
    [
        (True, None, AccountStatus.ACTIVE),
        (True, "desynchronized", AccountStatus.DESYNCHRONIZED),
        (True, "throttled", AccountStatus.THROTTLED),
        (True, "takendown", AccountStatus.ACTIVE),
        (True, "something new", AccountStatus.ACTIVE),
        (False, None, AccountStatus.DEACTIVATED),
        (False, "something new", AccountStatus.DEACTIVATED),
        (False, "deactivated", AccountStatus.DEACTIVATED),
        (False, "deleted", AccountStatus.DELETED),
        (False, "takendown", AccountStatus.TAKENDOWN),
        (False, "suspended", AccountStatus.SUSPENDED),
        (False, "throttled", AccountStatus.DEACTIVATED),
    ],
)
def test_status_of_an_event(active: bool, status: str | None, expected: AccountStatus) -> None:
    assert account_status(active, status) is expected


def test_only_a_later_event_counts() -> None:
    assert is_newer(5, None)
    assert is_newer(5, 4)
    assert not is_newer(5, 5)
    assert not is_newer(5, 6)


@pytest.mark.parametrize("status", AccountStatus)
def test_what_an_event_does_after_the_host_was_asked(status: AccountStatus) -> None:
    assert effective_status(status, Confirmation.CONFIRMED) is status
    shows = status in (AccountStatus.ACTIVE, AccountStatus.DESYNCHRONIZED, AccountStatus.THROTTLED)
    assert effective_status(status, Confirmation.CONTRADICTED) is (status if shows else None)
    unknown = effective_status(status, Confirmation.UNKNOWN)
    assert unknown is (AccountStatus.DEACTIVATED if status is AccountStatus.DELETED else status)


@pytest.mark.parametrize(
    ("reason", "first", "then"),
    [
        ("replayed", Consequence.COUNT, Consequence.COUNT),
        ("out_of_shard", Consequence.COUNT, Consequence.COUNT),
        ("record_invalid", Consequence.COUNT, Consequence.COUNT),
        ("subject_uri", Consequence.COUNT, Consequence.COUNT),
        ("signature_invalid", Consequence.REFRESH_KEY, Consequence.RESYNCHRONIZE),
        ("key_unknown", Consequence.REFRESH_KEY, Consequence.RESYNCHRONIZE),
        ("block_hash", Consequence.RESYNCHRONIZE, Consequence.RESYNCHRONIZE),
        ("commit_inversion", Consequence.RESYNCHRONIZE, Consequence.RESYNCHRONIZE),
        ("desynchronized", Consequence.RESYNCHRONIZE, Consequence.RESYNCHRONIZE),
    ],
)
def test_what_a_drop_leads_to(reason: str, first: Consequence, then: Consequence) -> None:
    assert consequence(reason) is first
    assert consequence(reason, refreshed=True) is then
