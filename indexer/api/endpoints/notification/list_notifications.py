"""app.bsky.notification.listNotifications: what others did that concerns the viewer."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import orjson

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged
from indexer.api.parameters import Datetime, Paged
from indexer.api.shown import Kind, show_alone
from indexer.errors import InvalidRequest
from indexer.hydration.encoding import iso
from indexer.hydration.hydrator import Hydrator
from indexer.hydration.rows import ABSENT, ViewerRows
from indexer.hydration.state import Asker, Json, Notice, State
from indexer.records import notices as reasons
from indexer.store.reads.cursors import LATEST, parse_time_cursor
from indexer.views.gates import hidden_by_gate
from indexer.views.notifications import notification
from indexer.views.rules import viewer_blocks, viewer_mutes, viewer_sees_needs_review

_SLOT_BYTES = 100
"""About what a kept page takes for a notification, whose view is kept by itself."""

_REVIEWED = frozenset({reasons.REPLY, reasons.QUOTE, reasons.MENTION, reasons.LIKE, reasons.FOLLOW})


class Params(Paged, frozen=True, kw_only=True):
    reasons: list[str] | None = None
    priority: bool | None = None
    seen_at: Datetime | None = None


class _Page(NamedTuple):
    """What a page shows."""

    views: list[orjson.Fragment]
    priority: bool
    seen_at: str | None
    cursor: str | None


async def answer(call: Call[Params]) -> Json:
    params, asker = call.params, call.asker
    if params.seen_at is not None:
        raise InvalidRequest("The seenAt parameter is unsupported")
    # A page is kept as it was shown, beside its parts: most that look find nothing new.
    kept = call.services.hydrator.book.of(asker.viewer, asker.version) if asker.is_ordinary else None
    key = ("notifications", params.cursor, params.limit, params.priority, *(params.reasons or ()))
    page = ABSENT if kept is None else kept.views.get(key)
    if not isinstance(page, _Page):
        page = await _page(call, kept, key)
    answered: Json = {"notifications": list(page.views), "priority": page.priority}
    if page.seen_at is not None:
        answered["seenAt"] = page.seen_at
    if page.cursor is not None:
        answered["cursor"] = page.cursor
    return answered


async def _page(call: Call[Params], kept: ViewerRows | None, key: Hashable) -> _Page:
    params, book = call.params, call.services.hydrator.book
    token = book.messages
    before = parse_time_cursor(params.cursor)
    seen = await call.services.kept_notices.seen(call.asker, call.viewer)
    priority = seen.priority if params.priority is None else params.priority
    found, following, subjects = await call.services.kept_notices.page(
        call.asker, call.viewer, LATEST if before is None else before, params.limit, priority=priority
    )
    if params.reasons is not None:
        found = [notice for notice in found if reasons.REASONS[notice.reason] in params.reasons]
    # Who never looked sees the newest as unread, not all of them (reference).
    seen_at = seen.at
    if seen_at is None and params.cursor is None and found:
        seen_at = found[0].sort_at
    read = None if seen_at is None else iso(seen_at)
    views, resting = await show_alone(call.services.hydrator, call.asker, found, _kind(read))
    page = _Page(
        [view for view in views if view is not None],
        priority,
        read,
        None if following is None else iso(following),
    )
    if kept is not None and resting is not None and not priority:
        kept.views.put(key, page, token, (*resting, *subjects), _SLOT_BYTES * len(found))
    return page


def _kind(seen: str | None) -> Kind[Notice]:
    def alone(state: State, notice: Notice) -> orjson.Fragment | None:
        view = notification(state, notice, seen) if _shown(state, notice) else None
        return None if view is None else orjson.Fragment(orjson.dumps(view))

    return Kind(
        "notice",
        lambda notice: (seen, _key(notice)),
        _hydrate,
        alone,
        record=lambda notice: notice.record,
    )


def _key(notice: Notice) -> Hashable:
    version = None if notice.edge is None else notice.edge.cid
    return (notice.record, notice.reason, notice.subject, notice.sort_at, version)


async def _hydrate(hydrator: Hydrator, asker: Asker, notices: list[Notice]) -> State:
    return await hydrator.notifications(asker, notices)


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


ENDPOINT = Endpoint(
    "app.bsky.notification.listNotifications",
    Params,
    paged("notifications", answer),
    auth=Mode.STANDARD,
)
