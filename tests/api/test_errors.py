"""The errors that lexicons name, each where it belongs; and which methods are served at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from indexer.api.lexicons import lexicon
from indexer.api.router import all_endpoints
from tests.api.conftest import Client
from tests.api.world import World

pytestmark = pytest.mark.anyio

FEED, ACTOR = "app.bsky.feed.", "app.bsky.actor."
SERVED = """
actor: getProfile, getProfiles, getSuggestions, searchActors, searchActorsTypeahead
feed: getTimeline, getAuthorFeed, getPosts, getPostThread, getLikes, getRepostedBy, getQuotes, getActorLikes,
 getListFeed, getActorFeeds, getFeedGenerator, getFeedGenerators, searchPosts
graph: getFollows, getFollowers, getKnownFollowers, getRelationships, getBlocks, getMutes, muteActor, unmuteActor,
 muteActorList, unmuteActorList, muteThread, unmuteThread, getLists, getList, getListBlocks, getListMutes,
 getListsWithMembership, getStarterPack, getStarterPacks, getActorStarterPacks, getSuggestedFollowsByActor
notification: listNotifications, getUnreadCount, updateSeen, getPreferences, putPreferences, putPreferencesV2,
 putActivitySubscription, listActivitySubscriptions
bookmark: createBookmark, deleteBookmark, getBookmarks
unspecced: getPostThreadV2, getPostThreadOtherV2, getConfig
labeler: getServices
com.atproto: identity.resolveHandle, repo.getRecord, label.queryLabels
com.atproto.admin: getSubjectStatus, updateSubjectStatus, getAccountInfos
"""


def test_every_promised_method_is_served_and_no_other() -> None:
    promised = set()
    for line in SERVED.replace("\n ", " ").strip().splitlines():
        area, names = line.split(": ")
        prefix = area if area.startswith("com.") else f"app.bsky.{area}"
        promised |= {f"{prefix}.{name}" for name in names.split(", ")}
    assert set(all_endpoints()) == promised


def test_every_method_that_is_not_served_is_listed_with_its_reason(shared_directory: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/PARITY.md").read_text()
    table = page.split("## Methods that are not served")[1].split("##")[0]
    patterns = []
    for row in re.findall(r"^\| ([^|]*?) \| [^|]{5,} \|$", table, re.MULTILINE):
        area = ""
        for name in re.split(r"[,;] ", row.split(" other than ")[0]):
            if "." in name:
                area = name.rpartition(".")[0]
                area = area if area.startswith("com.") else f"app.bsky.{area}"
            patterns.append(re.compile(re.escape(f"{area}.") + name.rpartition(".")[2].replace("*", r"\w+")))
    areas = (
        "app.bsky.",
        "com.atproto.admin.",
        "com.atproto.label.",
        "com.atproto.moderation.",
        "com.atproto.temp.",
    )
    missing = []
    for path in sorted((shared_directory / "lexicons").rglob("*.json")):
        nsid = ".".join(path.relative_to(shared_directory / "lexicons").with_suffix("").parts)
        if not nsid.startswith(areas) or nsid in all_endpoints():
            continue
        text = path.read_text()
        if re.search(r'"main": \{\s*"type": "(query|procedure|subscription)"', text):
            missing += [] if any(pattern.fullmatch(nsid) for pattern in patterns) else [nsid]
    assert missing == [], "expected a row of the table for each"


async def test_blocks_are_told_apart_where_an_authors_posts_are_asked_for(
    world: World, client: Client
) -> None:
    ada, bob, eve = [await world.account(name, profile={}) for name in ("ada", "bob", "eve")]
    await world.block(ada, bob)
    nsid = FEED + "getAuthorFeed"
    assert await client.error(nsid, {"actor": bob.did}, viewer=ada) == (400, "BlockedActor")
    assert await client.error(nsid, {"actor": ada.did}, viewer=bob) == (400, "BlockedByActor")
    assert (await client.get(nsid, {"actor": ada.did}, viewer=eve))["feed"] == []
    assert (await client.get(nsid, {"actor": ada.did}))["feed"] == []
    # Both block each other: one's own block is what one is told.
    await world.block(bob, ada)
    assert await client.error(nsid, {"actor": ada.did}, viewer=bob) == (400, "BlockedActor")


async def test_accounts_that_are_gone_say_how(world: World, client: Client) -> None:
    expected = {1: "AccountDeactivated", 2: "InvalidRequest", 3: "AccountTakedown", 4: "AccountTakedown"}
    for status, error in expected.items():
        account = await world.account(f"gone{status}", profile={}, status=status)
        assert await client.error(ACTOR + "getProfile", {"actor": account.did}) == (400, error)


async def test_threads_of_missing_posts_are_not_found(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    post = await world.post(ada)
    await world.connection.execute("DELETE FROM post WHERE rkey = $1", post.key)
    assert await client.error(FEED + "getPostThread", {"uri": post.uri}) == (400, "NotFound")


def named_errors() -> list[tuple[str, str]]:
    return [
        (nsid, error["name"])
        for nsid in all_endpoints()
        for error in lexicon(nsid)["defs"]["main"].get("errors", ())
    ]


def test_the_errors_that_lexicons_name_are_known_to_these_tests() -> None:
    assert {name for _, name in named_errors()} <= {
        "BlockedActor", "BlockedByActor", "NotFound", "ActorNotFound", "BadQueryString", "RecordNotFound",
        "HandleNotFound", "UnsupportedCollection", "UnknownFeed", "UnknownList",
    }  # fmt: skip
