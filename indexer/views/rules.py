"""Who may see whom: availability of accounts, blocks, mutes, labels that redact. All pure predicates over the state."""

from __future__ import annotations

from typing import Final

from indexer.hydration.state import Actor, Key, Record, State, list_keys
from indexer.records.collections import LIST

DEACTIVATED: Final = 1
DELETED: Final = 2
TAKEN_DOWN: Final = 3
SUSPENDED: Final = 4

_GONE: Final = frozenset({DEACTIVATED, DELETED, TAKEN_DOWN, SUSPENDED})
_REDACTING: Final = frozenset({"!takedown", "!suspend"})

MODERATION_LIST: Final = "app.bsky.graph.defs#modlist"
REFERENCE_LIST: Final = "app.bsky.graph.defs#referencelist"


def known_actor(state: State, actor: int, *, hosted: bool = True) -> Actor | None:
    """The account, if it exists, was seen itself (not only referred to) and, with `hosted`, may be shown."""
    found = state.actors.get(actor)
    if found is None or found.indexed_at is None or found.status == DELETED:
        return None
    if hosted and not state.asker.include_takedowns:
        if found.takedown_ref is not None or found.status in _GONE:
            return None
        if label_redacts(state, found.did):
            return None
    return found


def is_taken_down(state: State, actor: Actor) -> bool:
    return (
        actor.takedown_ref is not None
        or actor.status in (TAKEN_DOWN, SUSPENDED)
        or label_redacts(state, actor.did)
    )


def label_redacts(state: State, subject: str) -> bool:
    """Whether a labeler that the asker lets redact has taken the subject down."""
    if not state.labels:
        return False
    return any(
        label.val in _REDACTING and label.src in state.asker.redact for label in state.labels.get(subject, ())
    )


def needs_review(state: State, subject: str) -> bool:
    if not state.labels:
        return False
    return any(
        label.val == "needs-review" and label.src in state.asker.redact
        for label in state.labels.get(subject, ())
    )


def viewer_sees_needs_review(state: State, actor: int, uri: str) -> bool:
    """What needs review is shown to its author and to those who follow the author."""
    found = state.actors.get(actor)
    if found is None or not state.labels:
        return True
    if needs_review(state, found.did) or needs_review(state, uri):
        return state.viewer == actor or state.relation(actor).following is not None
    return True


# --- lists through which blocks and mutes hold ---------------------------------------------------------------------


def moderation_list(state: State, flat: list[int] | None) -> Record | None:
    """The first of these lists that still exists, is a moderation list and belongs to an account in good standing."""
    if not flat:
        return None
    for key in list_keys(flat):
        found = state.records.get((LIST, *key))
        if found is not None and is_moderation_list(found) and known_actor(state, key[1]) is not None:
            return found
    return None


def is_moderation_list(record: Record) -> bool:
    return record.record.value().get("purpose") == MODERATION_LIST


# --- the viewer's relation -----------------------------------------------------------------------------------------


def viewer_blocks(state: State, actor: int) -> bool:
    """Whether viewer and account block each other in either direction, directly or by list."""
    relation = state.relation(actor)
    if state.asker.skip_viewer_blocks:
        return False
    if relation.blocking is not None or relation.blocked_by is not None:
        return True
    return (
        moderation_list(state, relation.blocking_by_lists) is not None
        or moderation_list(state, relation.blocked_by_lists) is not None
    )


def viewer_is_blocking(state: State, actor: int) -> bool:
    relation = state.relation(actor)
    return relation.blocking is not None or moderation_list(state, relation.blocking_by_lists) is not None


def viewer_is_blocked_by(state: State, actor: int) -> bool:
    relation = state.relation(actor)
    return relation.blocked_by is not None or moderation_list(state, relation.blocked_by_lists) is not None


def viewer_mutes(state: State, actor: int) -> bool:
    relation = state.relation(actor)
    return relation.muted or moderation_list(state, relation.muted_by_lists) is not None


def viewer_mutes_reposts(state: State, actor: int) -> bool:
    return state.relation(actor).muted_only_reposts


def viewer_mutes_quotes(state: State, actor: int) -> bool:
    return state.relation(actor).muted_only_quotes


def third_parties_block(state: State, one: int, other: int) -> bool:
    """Whether two accounts, neither of which need be the viewer, block each other directly or by list."""
    blocks = state.block_between(one, other)
    return blocks.direct or moderation_list(state, blocks.lists) is not None


# --- feeds ---------------------------------------------------------------------------------------------------------


def post_blocks_embed(state: State, key: Key, other: int) -> bool:
    """Whether the author of a post and the account whose record it embeds block each other."""
    return third_parties_block(state, key[1], other)
