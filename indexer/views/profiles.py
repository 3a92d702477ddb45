"""Accounts: profileViewBasic, profileView, and the viewer's relation to each."""

from __future__ import annotations

import orjson

from indexer.hydration.encoding import cid_text, iso
from indexer.hydration.state import Actor, Json, State, Stored
from indexer.records.collections import BLOCK, FOLLOW, VERIFICATION
from indexer.views.labels import labels_of, self_labels
from indexer.views.lists_basic import list_basic
from indexer.views.rules import known_actor, moderation_list, viewer_is_blocked_by
from indexer.views.status import status_view

INVALID_HANDLE = "handle.invalid"


def profile_basic(state: State, actor: int) -> orjson.Fragment | None:
    """app.bsky.actor.defs#profileViewBasic; None for an account that cannot be shown."""
    found = known_actor(state, actor)
    if found is None:
        return None
    made: orjson.Fragment | None = state.made.get(("basic", actor))
    if made is None:
        made = state.made[("basic", actor)] = orjson.Fragment(_basic_json(state, found))
    return made


def made_basic(state: State, found: Actor) -> Json:
    """The basic view of an account that the caller has decided to show, for others to be built on."""
    view = _common(state, found)
    viewer = profile_viewer(state, found)
    if viewer is not None:
        view["viewer"] = viewer
    return view


def _basic_json(state: State, found: Actor) -> bytes:
    """The basic view as JSON: what all viewers see of an account is encoded once, not once per request."""
    viewer = profile_viewer(state, found)
    ending = b"}" if viewer is None else b',"viewer":' + orjson.dumps(viewer) + b"}"
    verified = found.id in state.verifications or found.id in state.trusted_verifiers
    if found.status_record is not None or state.labels or verified:
        # These change with time, with who asks for labels, and with what others say.
        return orjson.dumps(_common(state, found))[:-1] + ending
    key = (
        found.id,
        found.handle,
        found.profile_cid,
        found.is_labeler,
        found.notification_declaration,
        found.chat_declaration,
    )
    parts = state.fragments.get(key)
    if parts is None:
        parts = (orjson.dumps(_common(state, found))[:-1],)
        state.fragments.put(key, parts)
    return parts[0] + ending


def _common(state: State, found: Actor) -> Json:
    """What of the basic view does not depend on the viewer."""
    record = found.profile.value() if found.profile is not None else {}
    view: Json = {"did": found.did, "handle": found.handle or INVALID_HANDLE}
    for name in ("displayName", "pronouns"):
        if record.get(name) is not None:
            view[name] = record[name]
    if record.get("avatar") is not None:
        view["avatar"] = state.links.image("avatar", found.did, record["avatar"])
    associated: Json = {}
    if found.is_labeler:
        associated["labeler"] = True
    add_declarations(found, associated)
    view["associated"] = associated
    view["labels"] = account_labels(state, found)
    if found.profile_created_at is not None:
        view["createdAt"] = iso(found.profile_created_at)
    verification = verification_state(state, found)
    if verification is not None:
        view["verification"] = verification
    status = status_view(state, found)
    if status is not None:
        view["status"] = status
    return view


def account_labels(state: State, found: Actor) -> list[Json]:
    """Labels on an account and its profile, those by itself included."""
    uri = f"at://{found.did}/app.bsky.actor.profile/self"
    labels = labels_of(state, found.did) + labels_of(state, uri)
    if found.profile is not None and found.profile_cid is not None and found.profile.holds(b"#selfLabels"):
        labels += self_labels(uri, found.did, cid_text(found.profile_cid), found.profile.value())
    return labels


def add_declarations(found: Actor, associated: Json) -> None:
    """Add what an account declares about chats and subscriptions to its `associated`."""
    if found.chat_declaration is not None:
        declared = Stored(found.chat_declaration).value()
        if isinstance(declared.get("allowIncoming"), str):
            associated["chat"] = {"allowIncoming": declared["allowIncoming"]}
            if isinstance(declared.get("allowGroupInvites"), str):
                associated["chat"]["allowGroupInvites"] = declared["allowGroupInvites"]
    associated["activitySubscription"] = {"allowSubscriptions": subscriptions_allowed(found)}


def subscriptions_allowed(found: Actor) -> str:
    """From whom an account lets itself be subscribed to: followers (the default), mutuals or none."""
    if found.notification_declaration is None:
        return "followers"
    declared = Stored(found.notification_declaration).value().get("allowSubscriptions")
    return declared if declared in ("followers", "mutuals", "none") else "followers"


def profile(state: State, actor: int) -> Json | None:
    """app.bsky.actor.defs#profileView: the basic view with description and time."""
    found = known_actor(state, actor)
    return None if found is None else made_profile(state, found)


def made_profile(state: State, found: Actor) -> Json:
    """The profile view of an account that the caller has decided to show."""
    view = made_basic(state, found)
    record = found.profile.value() if found.profile is not None else {}
    if record.get("description"):
        view["description"] = record["description"]
    if found.profile_indexed_at is not None:
        created = found.profile_created_at
        indexed = found.profile_indexed_at
        view["indexedAt"] = iso(indexed if created is None else min(created, indexed))
    return view


def profile_viewer(state: State, found: Actor) -> Json | orjson.Fragment | None:
    """app.bsky.actor.defs#viewerState; None when nobody asks."""
    if state.viewer is None:
        return None
    if state.holes is not None:
        return state.holes.relation(found.id)
    relation = state.relation(found.id)
    muting = moderation_list(state, relation.muted_by_lists)
    blocking = moderation_list(state, relation.blocking_by_lists)
    blocked_by = viewer_is_blocked_by(state, found.id)
    muted = relation.muted or muting is not None
    view: Json = {
        "muted": muted,
        "mutedOnlyReposts": not muted and relation.muted_only_reposts,
        "mutedOnlyQuoteposts": not muted and relation.muted_only_quotes,
    }
    if muting is not None:
        view["mutedByList"] = list_basic(state, (muting.key, muting.actor))
    view["blockedBy"] = blocked_by
    blocking_uri = _blocking_uri(state, found)
    if blocking_uri is not None:
        view["blocking"] = blocking_uri
    if blocking is not None:
        view["blockingByList"] = list_basic(state, (blocking.key, blocking.actor))
    if not blocked_by and blocking_uri is None:
        if relation.following is not None:
            view["following"] = f"at://{state.asker.did}/{state.spelling.path(FOLLOW, relation.following)}"
        if relation.followed_by is not None:
            view["followedBy"] = f"at://{found.did}/{state.spelling.path(FOLLOW, relation.followed_by)}"
    subscription = _subscription(state, found)
    if subscription is not None:
        view["activitySubscription"] = subscription
    return view


def _blocking_uri(state: State, found: Actor) -> str | None:
    relation = state.relation(found.id)
    if relation.blocking is not None:
        return f"at://{state.asker.did}/{state.spelling.path(BLOCK, relation.blocking)}"
    listed = moderation_list(state, relation.blocking_by_lists)
    return None if listed is None else state.uri(listed.kind, listed.key, listed.actor)


def _subscription(state: State, found: Actor) -> Json | None:
    ties = state.ties.get(found.id)
    if ties is None or ties.subscription is None or not any(ties.subscription):
        return None
    allowed = subscriptions_allowed(found)
    relation = state.relation(found.id)
    following, followed = relation.following is not None, relation.followed_by is not None
    if (allowed == "followers" and following) or (allowed == "mutuals" and following and followed):
        return {"post": ties.subscription[0], "reply": ties.subscription[1]}
    return None


def blocked_author(state: State, actor: int, did: str) -> Json:
    """app.bsky.feed.defs#blockedAuthor, in the place of a post that a block hides."""
    view: Json = {"did": did}
    found = state.actors.get(actor)
    if state.viewer is None or found is None:
        return view
    viewer: Json = {"blockedBy": viewer_is_blocked_by(state, actor)}
    blocking = _blocking_uri(state, found)
    if blocking is not None:
        viewer["blocking"] = blocking
    view["viewer"] = viewer
    return view


def verification_state(state: State, found: Actor) -> Json | None:
    """app.bsky.actor.defs#verificationState, from the statements of the verifiers that this server trusts."""
    if not found.handle:
        return None
    statements = state.verifications.get(found.id, ())
    trusted = found.id in state.trusted_verifiers
    if not statements and not trusted:
        return None
    name = found.profile.value().get("displayName") if found.profile is not None else None
    impersonation = any(
        label.val == "impersonation" and label.src in state.asker.redact
        for label in state.labels.get(found.did, ())
    )
    views = []
    for statement in statements:
        issuer = known_actor(state, statement.issuer)
        if state.actors.get(statement.issuer) is None:
            continue
        view: Json = {"issuer": state.did(statement.issuer)}
        issuer_name = issuer.profile.value().get("displayName") if issuer and issuer.profile else None
        if issuer_name is not None:
            view["issuerDisplayName"] = issuer_name
        if issuer is not None and issuer.handle:
            view["issuerHandle"] = issuer.handle
        view["uri"] = state.uri(VERIFICATION, statement.key, statement.issuer)
        view["isValid"] = bool(
            statement.display_name and statement.display_name == name and statement.handle == found.handle
        )
        view["createdAt"] = iso(statement.sort_at)
        views.append(view)
    valid = any(view["isValid"] for view in views)
    return {
        "verifications": views,
        "verifiedStatus": ("valid" if valid and not impersonation else "invalid") if views else "none",
        "trustedVerifierStatus": ("invalid" if impersonation else "valid") if trusted else "none",
    }
