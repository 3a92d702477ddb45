"""Views that are made once for all viewers: JSON that leaves open what a viewer has to do with it.

Owns how such a text is made, what it rests on, and how it is filled for one viewer. The text comes from the same views
that make an answer for one viewer alone, so both are equal byte by byte; where something else than follows and
marks ties the viewer to it (a block, a mute, a list, a label), there is no template, and the view is made for the
viewer alone.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import orjson

from indexer.hydration.rows import ABSENT, ViewerRows, counts_subject, pair_subjects, relation_subjects
from indexer.hydration.state import (
    NO_BLOCKS,
    NO_RELATION,
    Actor,
    Asker,
    FeedItem,
    Holes,
    Key,
    RecordKey,
    State,
)
from indexer.views.feeds import feed_view_post, hidden
from indexer.views.posts import NO_MARKS_JSON, counts_json, marks_json, post_view
from indexer.views.profiles import profile_viewer
from indexer.views.rules import viewer_blocks
from indexer.views.status import now, status_ends

_HOLE = re.compile(rb"\0([rmgc])(-?[0-9]+)(?:,([0-9]+))?\0")
_RELATION, _MARKS, _GATED_MARKS, _COUNTS = b"r", b"m", b"g", b"c"

#: Stands for whoever asks while a template is made; no account has this id.
_ANYBODY = Asker(viewer=-1, did="")
_NOBODY = Asker()

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Template(msgspec.Struct, frozen=True, gc=False):
    """The text between holes, and what belongs into each hole: an account's relation, a post's marks or counts.

    `relations`: accounts to whom the viewer must stand plainly. `posts` and `accounts`: what the text shows, or would
    show, and so must have no labels for whoever asks for labels. `text` is None for a thing that nobody is shown.
    `with_status`: of `accounts` those with a status, who are shown more of it themselves. `until`: when (ms since 1970)
    one of these statuses ends, which the text says is active.
    """

    text: tuple[bytes, ...] | None
    holes: tuple[tuple[bytes, Any], ...]
    relations: tuple[int, ...]
    marks: tuple[Key, ...]
    posts: tuple[Key, ...]
    accounts: tuple[int, ...]
    with_status: tuple[int, ...] = ()
    until: float = math.inf

    @property
    def is_over(self) -> bool:
        """Whether the text says what was true until a while ago."""
        return self.until != math.inf and self.until <= now()

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        named = len(self.holes) + len(self.posts) + len(self.accounts)
        return sum(map(len, self.text or ())) + 100 * named


class Made(NamedTuple, Generic[T]):
    """What was made (None: a view that is not shown; a template that cannot be made), and what it rests on.

    `is_lasting`: it holds until one of its subjects changes.
    """

    it: T | None
    subjects: tuple[Hashable, ...]
    is_lasting: bool


class _Recorded(dict[K, Any]):
    """A dict that notes which keys were asked for."""

    __slots__ = ("asked",)

    def __init__(self, of: dict[K, Any]) -> None:
        super().__init__(of)
        self.asked: set[K] = set()

    def get(self, key: K, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: K) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(key)  # type: ignore[arg-type]
        return super().__contains__(key)


class Recording:
    """Makes views from a state that holds everything they need, and notes what each rests on."""

    def __init__(self, state: State) -> None:
        self._trusted = state.trusted_verifiers
        self._viewer = state.viewer
        self._posts: _Recorded[Key] = _Recorded(state.posts)
        self._actors: _Recorded[int] = _Recorded(state.actors)
        self._pairs: _Recorded[tuple[int, int]] = _Recorded(state.pair_blocks)
        self._relations: _Recorded[int] = _Recorded(state.relations)
        self._others: list[_Recorded[Any]] = [
            _Recorded(state.records),
            _Recorded(state.lists),
            _Recorded(state.uris),
        ]
        self._edges: _Recorded[RecordKey] = _Recorded(state.edges)
        self.state = dataclasses.replace(
            state,
            posts=self._posts,
            actors=self._actors,
            pair_blocks=self._pairs,
            relations=self._relations,
            records=self._others[0],
            lists=self._others[1],
            uris=self._others[2],
            edges=self._edges,
        )

    def alone(self, make: Callable[[State], orjson.Fragment | None]) -> Made[orjson.Fragment]:
        """The view for the viewer alone."""
        self.begin()
        view = make(self.state)
        subjects = self.subjects(self._posts.asked)
        if self._viewer is not None:
            for actor in self._relations.asked:
                relation = dict.get(self._relations, actor, NO_RELATION)
                subjects.update(relation_subjects(self._viewer, actor, relation.list_owners))
        return Made(view, tuple(subjects), self.is_lasting and self.until == math.inf)

    def begin(self) -> None:
        """Forget what the last view rested on."""
        self._began = now()
        self.state.made = {}
        every: list[_Recorded[Any]] = [self._posts, self._actors, self._pairs, self._relations, self._edges]
        for recorded in (*every, *self._others):
            recorded.asked.clear()

    @property
    def is_lasting(self) -> bool:
        """Whether the last view only changes with what is told, and with the time by `until`: no lists, no embedded
        records, no edge that may still come.
        """
        return not any(others.asked for others in self._others) and self._edges.asked <= self._edges.keys()

    @property
    def with_status(self) -> list[Actor]:
        """The accounts with a status that the last view asked for."""
        rows = (dict.get(self._actors, actor) for actor in self._actors.asked)
        return [row for row in rows if row is not None and row.status_record is not None]

    @property
    def until(self) -> float:
        """When (ms since 1970) the first of the statuses ends that were active as the last view was begun; infinity
        where there are none.
        """
        return min((status_ends(row, self._began) for row in self.with_status), default=math.inf)

    def shown(self) -> tuple[tuple[Key, ...], tuple[int, ...]]:
        """The posts and the accounts that the last view asked for and that there are."""
        posts = tuple(key for key in self._posts.asked if dict.get(self._posts, key) is not None)
        return posts, tuple(key for key in self._actors.asked if dict.get(self._actors, key) is not None)

    def subjects(self, counted: Iterable[Key]) -> set[Hashable]:
        """What the last view rests on, and on the counts of the posts `counted`."""
        found: set[Hashable] = {*self._posts.asked, *self._actors.asked, *self._trusted}
        for pair in self._pairs.asked:
            found.update(pair_subjects(pair, dict.get(self._pairs, pair, NO_BLOCKS).list_owners))
        found.update(counts_subject(key) for key in counted)
        # a like or repost that goes, or is another now, counts on its subject
        found.update(
            counts_subject(dict.__getitem__(self._edges, key).subject)
            for key in self._edges.asked & self._edges.keys()
        )
        return found


class Templates:
    """Makes templates from one state that holds everything they need."""

    def __init__(self, state: State, *, signed_in: bool) -> None:
        """`signed_in`: whether they are for those who are, or for those who are not."""
        asker = _ANYBODY if signed_in else _NOBODY
        self._recording = Recording(
            dataclasses.replace(state, asker=asker, relations={}, marks={}, labels={})
        )

    def feed_item(self, item: FeedItem) -> Made[Template]:
        """app.bsky.feed.defs#feedViewPost."""

        def make(state: State) -> bytes | None:
            hidden(state, item)
            view = feed_view_post(state, item)
            return None if view is None else orjson.dumps(view)

        return self._template(make)

    def post(self, key: Key) -> Made[Template]:
        """app.bsky.feed.defs#postView."""

        def make(state: State) -> bytes | None:
            viewer_blocks(state, key[1])
            view = post_view(state, key)
            return None if view is None else orjson.dumps(view)

        return self._template(make)

    def _template(self, make: Callable[[State], bytes | None]) -> Made[Template]:
        recording, state = self._recording, self._recording.state
        recording.begin()
        state.holes = holes = Holes()
        text = make(state)
        subjects = tuple(recording.subjects(holes.counted))
        if holes.unfit or not recording.is_lasting:
            return Made(None, subjects, True)
        parts = _HOLE.split(text) if text is not None else []
        kinds = [
            (kind, int(first) if second is None else (int(first), int(second)))
            for kind, first, second in zip(parts[1::4], parts[2::4], parts[3::4], strict=True)
        ]
        template = Template(
            None if text is None else tuple(parts[::4]),
            tuple(kinds),
            tuple(holes.relations) if state.viewer is not None else (),
            tuple(key for kind, key in kinds if kind in (_MARKS, _GATED_MARKS)),  # type: ignore[misc]
            *recording.shown(),
            tuple(row.id for row in recording.with_status),
            recording.until,
        )
        return Made(template, subjects, True)


def fill(template: Template, kept: ViewerRows, state: State) -> bytes | None:
    """The view for one viewer: b"" where nobody is shown it, None where it has to be made for this viewer alone.

    `state` holds the viewer's relations and marks that the template asks for.
    """
    relations = state.relations
    if state.viewer in template.with_status:
        return None
    for actor in template.relations:
        relation = relations.get(actor)
        if relation is not None and not relation.is_plain:
            return None
    if template.text is None:
        return b""
    made = state.made
    texts = iter(template.text)
    parts = [next(texts)]
    for hole in template.holes:
        part = made.get(hole)
        if part is None:
            part = _filling(*hole, kept, state)
            if part is None:
                return None
            made[hole] = part
        parts += (part, next(texts))
    return b"".join(parts)


def _filling(kind: bytes, key: Any, kept: ViewerRows, state: State) -> bytes | None:
    """What belongs into a hole; None where a row is not kept (any more) that it takes."""
    if kind == _RELATION:
        relation = state.relation(key)
        if relation.json is None:
            actor = kept.book.actors.get(key)
            if actor is None or actor is ABSENT:
                return None
            made = orjson.dumps(profile_viewer(state, actor))
            if relation.actor != key:
                return made  # of nobody's relation nothing is remembered
            relation.json = made
        return relation.json
    if kind == _MARKS and key not in state.marks and key[1] != state.viewer:
        return NO_MARKS_JSON
    post = kept.book.posts.get(key)
    if post is None or post is ABSENT:
        return None
    if kind == _COUNTS:
        return counts_json(post)
    if key[1] not in state.actors:
        author = kept.book.actors.get(key[1])
        if author is None or author is ABSENT:
            return None
        state.actors[key[1]] = author
    if kind == _GATED_MARKS:
        root = kept.book.posts.get(post.root)
        if root is ABSENT:
            return None
        if root is not None:
            state.posts[post.root] = root
    return marks_json(state, post)
