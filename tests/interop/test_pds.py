"""People using an app behind the official PDS, with this program as its AppView."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import Network

Facts = dict[str, Any]


@pytest.fixture(scope="module")
def facts(network: Network) -> Facts:
    """What flows.mjs saw through @atproto/api."""
    script = network.packages / "flows.mjs"
    shutil.copy(Path(__file__).with_name("flows.mjs"), script)
    result = subprocess.run(
        [network.node, "--no-deprecation", script, network.pds_url],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    answer: Facts = json.loads(result.stdout.splitlines()[-1])
    return answer


def test_timeline_shows_the_followed_accounts_posts_newest_first(facts: Facts) -> None:
    assert facts["timeline"]["texts"] == ["three", "two", "one"]


def test_a_new_post_appears_within_a_second(facts: Facts) -> None:
    assert 0 <= facts["newPostMilliseconds"] <= 1000


def test_counts_and_viewer_state_are_right(facts: Facts) -> None:
    assert facts["counted"] == {
        "likes": 2,
        "reposts": 1,
        "replies": 1,
        "viewerLike": True,
        "author": "BOB",
        "following": True,
    }


def test_a_deleted_like_lowers_the_count(facts: Facts) -> None:
    assert facts["uncounted"] == {"likes": 1, "viewerLike": None}


def test_ones_own_writes_are_seen_at_once(facts: Facts) -> None:
    assert facts["ownPostAtOnce"] is True
    assert facts["ownTimelineAtOnce"] is True
    assert facts["ownProfileAtOnce"] == "Ada Renamed"


def test_others_see_the_changed_profile(facts: Facts) -> None:
    assert facts["profile"] == {"name": "Ada Renamed", "follows": 1, "posts": 2, "followedBy": True}


def test_thread_and_notifications(facts: Facts) -> None:
    assert facts["thread"]["reply"] == "a reply"
    assert facts["notices"]["reasons"] == ["follow", "like", "reply", "repost"]


def test_deleted_posts_and_unfollowed_accounts_are_gone(facts: Facts) -> None:
    assert facts["deletedPostGone"] is True
    assert facts["unfollowedGone"] is True


def test_mutes_are_kept_by_us(facts: Facts) -> None:
    assert facts["muted"] is True
    assert facts["unmuted"] in (False, None)
