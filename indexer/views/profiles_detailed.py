"""profileViewDetailed: an account with its counts, what it owns, and who of the viewer's follows knows it."""

from __future__ import annotations

import orjson

from indexer.hydration.state import Json, Key, State
from indexer.views.packs import starter_pack_basic
from indexer.views.profiles import add_declarations, made_profile, profile_basic
from indexer.views.rules import (
    DEACTIVATED,
    is_taken_down,
    known_actor,
    third_parties_block,
    viewer_blocks,
)


def profile_detailed(state: State, actor: int, *, hosted: bool = True) -> Json | None:
    """app.bsky.actor.defs#profileViewDetailed; with `hosted` False also for accounts that are gone."""
    found = known_actor(state, actor, hosted=hosted)
    if found is None:
        return None
    view = made_profile(state, found)
    record = found.profile.value() if found.profile is not None else {}
    website = record.get("website")
    if isinstance(website, str) and website.startswith("https://"):
        view["website"] = website
    if "viewer" in view:
        known = known_followers(state, actor)
        if known is not None:
            view["viewer"] = {**view["viewer"], "knownFollowers": known}
    if record.get("banner") is not None:
        view["banner"] = state.links.image("banner", found.did, record["banner"])
    detail = state.details.get(actor)
    view["followersCount"] = detail.followers if detail else 0
    view["followsCount"] = detail.follows if detail else 0
    view["postsCount"] = detail.posts if detail else 0
    associated: Json = {}
    if detail is not None:
        associated |= {"lists": detail.lists, "feedgens": detail.feeds, "starterPacks": detail.starter_packs}
    associated["labeler"] = found.is_labeler
    add_declarations(found, associated)
    view["associated"] = associated
    joined = _joined_via(state, record)
    if joined is not None:
        view["joinedViaStarterPack"] = joined
    pinned = pinned_post(record)
    if pinned is not None:
        view["pinnedPost"] = pinned
    return view


def _joined_via(state: State, record: Json) -> Json | None:
    via = record.get("joinedViaStarterPack")
    key = state.uris.get(via.get("uri", "")) if isinstance(via, dict) else None
    return None if key is None else starter_pack_basic(state, (key[1], key[2]))


def pinned_post(record: Json) -> Json | None:
    """The strong reference to the pinned post, where the profile holds a well-formed one."""
    pinned = record.get("pinnedPost")
    if not isinstance(pinned, dict):
        return None
    uri, cid = pinned.get("uri"), pinned.get("cid")
    if not (isinstance(uri, str) and uri.startswith("at://") and isinstance(cid, str) and cid):
        return None
    return pinned


def known_followers(state: State, actor: int) -> Json | None:
    """Those of the viewer's follows who follow the account, less whoever a block hides."""
    ties = state.ties.get(actor)
    if ties is None or ties.known_followers_count == 0:
        return None
    return {
        "count": ties.known_followers_count,
        "followers": known_subjects(state, actor, ties.known_followers),
    }


def known_likers(state: State, post: Key) -> Json | None:
    """Those of the viewer's follows who like a post, where they were read."""
    known = state.known_likers.get(post)
    if known is None:
        return None
    return {"count": known[0], "actors": known_subjects(state, post[1], known[1])}


def known_subjects(state: State, actor: int, known: list[int]) -> list[orjson.Fragment]:
    """Accounts that the viewer follows beside another account's, less whom a block hides."""
    shown = []
    for other in known:
        if viewer_blocks(state, other) or third_parties_block(state, actor, other):
            continue
        view = profile_basic(state, other)
        if view is not None:
            shown.append(view)
    return shown


def gone_error(state: State, actor: int) -> tuple[str, str] | None:
    """(message, error name) for an account that exists but may not be shown."""
    found = state.actors[actor]
    if is_taken_down(state, found):
        return ("Account has been suspended", "AccountTakedown")
    if found.status == DEACTIVATED:
        return ("Account is deactivated", "AccountDeactivated")
    return None
