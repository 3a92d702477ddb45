"""app.bsky.notification.listNotifications: what others did that concerns the viewer."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import Datetime, Paged
from indexer.errors import InvalidRequest
from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, Notice, State
from indexer.records import notices as reasons
from indexer.store.reads.cursors import LATEST, parse_time_cursor
from indexer.views.gates import hidden_by_gate
from indexer.views.notifications import notification
from indexer.views.rules import viewer_blocks, viewer_mutes, viewer_sees_needs_review

_REVIEWED = frozenset({reasons.REPLY, reasons.QUOTE, reasons.MENTION, reasons.LIKE, reasons.FOLLOW})


class Params(Paged, frozen=True, kw_only=True):
    reasons: list[str] | None = None
    priority: bool | None = None
    seen_at: Datetime | None = None


class Skeleton(NamedTuple):
    notices: list[Notice]
    priority: bool
    seen: str | None = None
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    if params.seen_at is not None:
        raise InvalidRequest("The seenAt parameter is unsupported")
    before = parse_time_cursor(params.cursor)
    seen = await call.services.notices.seen(call.viewer)
    priority = seen.priority if params.priority is None else params.priority
    found, following = await call.services.notices.page(
        call.viewer, LATEST if before is None else before, params.limit, priority=priority
    )
    if params.reasons is not None:
        found = [notice for notice in found if reasons.REASONS[notice.reason] in params.reasons]
    # Who never looked sees the newest as unread, not all of them (reference).
    seen_at = seen.at
    if seen_at is None and params.cursor is None and found:
        seen_at = found[0].sort_at
    return Skeleton(
        found,
        priority,
        None if seen_at is None else iso(seen_at),
        None if following is None else iso(following),
    )


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.notifications(call.asker, found.notices)


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(notices=[notice for notice in found.notices if _shown(state, notice)])


def _shown(state: State, notice: Notice) -> bool:
    if viewer_blocks(state, notice.author) or viewer_mutes(state, notice.author):
        return False
    if notice.reason == reasons.REPLY:
        _, key, actor = notice.record
        post = state.posts.get((key, actor))
        if post is not None and post.root[1] == state.viewer:
            return not hidden_by_gate(state, post.root, state.post_uri(post.key))
    if notice.reason in _REVIEWED:
        return viewer_sees_needs_review(state, notice.author, state.uri(*notice.record))
    return True


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    views = (notification(state, notice, found.seen) for notice in found.notices)
    answer: Json = {
        "notifications": [view for view in views if view is not None],
        "priority": found.priority,
    }
    if found.seen is not None:
        answer["seenAt"] = found.seen
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.notification.listNotifications",
    Params,
    paged("notifications", pipeline(skeleton, hydrate, present, rules)),
    auth=Mode.STANDARD,
)
