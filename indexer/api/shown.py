"""Feed items and posts as one viewer sees them, from templates wherever these fit.

Owns the way from keys to views: templates that this worker keeps, those to be made now, what the viewer has to do with
them, and at last the things that have to be made for this viewer alone. Which is which never shows in an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson

from indexer.hydration.hydrator import Hydrator
from indexer.hydration.rows import ABSENT, ViewerRows, is_post
from indexer.hydration.state import Asker, FeedItem, Key, RecordKey, State
from indexer.records.collections import POST
from indexer.views.feeds import Hidden, feed_view_post, hidden
from indexer.views.posts import post_view
from indexer.views.rules import viewer_blocks
from indexer.views.templates import Made, Recording, Template, Templates, fill

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What is shown: its key, how its state is read, its template, and the view for one viewer (None: not shown).

    `record`: whose labels the view shows beside those of posts and accounts.
    """

    name: str
    key: Callable[[T], Hashable]
    hydrate: Callable[[Hydrator, Asker, list[T]], Awaitable[State]]
    alone: Callable[[State, T], orjson.Fragment | None]
    template: Callable[[Templates, T], Made[Template]] | None = None
    record: Callable[[T], RecordKey] | None = None


async def show(
    hydrator: Hydrator, asker: Asker, things: Sequence[T], kind: Kind[T]
) -> list[orjson.Fragment | None]:
    """The view of each thing, None for those that the viewer is not to see."""
    kept = hydrator.book.of(asker.viewer, asker.version)
    if kept is None or kind.template is None or asker.sees_more:
        return (await show_alone(hydrator, asker, things, kind))[0]
    shown: list[orjson.Fragment | None] = [None] * len(things)
    found, alone = await _templates(hydrator, kept, asker, things, kind)
    if not asker.is_ordinary:
        found, labelled = await _without_labels(hydrator, asker, found)
        alone += labelled
    state = hydrator.state(asker)
    if asker.viewer is not None:
        await hydrator.relations.read(state, {actor for _, template in found for actor in template.relations})
        await hydrator.relations.read_marks(state, {key for _, template in found for key in template.marks})
    for place, template in found:
        view = fill(template, kept, state)
        if view is None:
            alone.append(place)
        elif view:
            shown[place] = orjson.Fragment(view)
    if asker.is_ordinary:
        await _alone(hydrator, kept, asker, things, kind, alone, shown)
    elif alone:
        state = await kind.hydrate(hydrator, asker, [things[place] for place in alone])
        for place in alone:
            shown[place] = kind.alone(state, things[place])
    return shown


async def _without_labels(
    hydrator: Hydrator, asker: Asker, found: list[tuple[int, Template]]
) -> tuple[list[tuple[int, Template]], list[int]]:
    """The templates that show nothing with a label for the asker, and the places of the others: labels are not kept."""
    posts, accounts = await hydrator.labelled(
        asker,
        {(POST, *key) for _, template in found for key in template.posts},
        {actor for _, template in found for actor in template.accounts},
    )
    plain: list[tuple[int, Template]] = []
    labelled: list[int] = []
    for place, template in found:
        shown = ((POST, *key) for key in template.posts)
        if posts.isdisjoint(shown) and accounts.isdisjoint(template.accounts):
            plain.append((place, template))
        else:
            labelled.append(place)
    return plain, labelled


async def show_alone(
    hydrator: Hydrator, asker: Asker, things: Sequence[T], kind: Kind[T]
) -> tuple[list[orjson.Fragment | None], set[Hashable] | None]:
    """The same for things that only one viewer ever sees, and what all these views rest on beside the viewer's version;
    None where they cannot be kept.
    """
    kept = hydrator.book.of(asker.viewer, asker.version)
    shown: list[orjson.Fragment | None] = [None] * len(things)
    if kept is not None and asker.is_ordinary:
        return shown, await _alone(hydrator, kept, asker, things, kind, range(len(things)), shown)
    places: Sequence[int] = range(len(things))
    if kept is not None and not asker.sees_more:
        await _alone(hydrator, kept, asker.without_labels, things, kind, places, shown)
        places = await _labelled(hydrator, kept, asker, things, kind)
    if places:
        state = await kind.hydrate(hydrator, asker, [things[place] for place in places])
        for place in places:
            shown[place] = kind.alone(state, things[place])
    return shown, None


async def _labelled(
    hydrator: Hydrator, kept: ViewerRows, asker: Asker, things: Sequence[T], kind: Kind[T]
) -> list[int]:
    """The places of views that may show something with a label for the asker, and of those that are not kept."""
    named: dict[int, tuple[set[RecordKey], set[int]]] = {}
    for place, thing in enumerate(things):
        key = (kind.name, kind.key(thing))
        if kept.views.get(key) is not ABSENT:
            records = {(POST, *subject) for subject in kept.views.subjects(key) if is_post(subject)}
            if kind.record is not None:
                records.add(kind.record(thing))
            accounts = {subject for subject in kept.views.subjects(key) if isinstance(subject, int)}
            named[place] = (records, accounts)
    records, accounts = await hydrator.labelled(
        asker,
        {record for records, _ in named.values() for record in records},
        {actor for _, accounts in named.values() for actor in accounts},
    )
    return [
        place
        for place in range(len(things))
        if place not in named
        or not (records.isdisjoint(named[place][0]) and accounts.isdisjoint(named[place][1]))
    ]


async def _alone(
    hydrator: Hydrator,
    kept: ViewerRows,
    asker: Asker,
    things: Sequence[T],
    kind: Kind[T],
    places: Iterable[int],
    shown: list[orjson.Fragment | None],
) -> set[Hashable] | None:
    """Put the views of the things that have to be made for the viewer alone into `shown`; what they all rest on, None
    where one of them does not last.
    """
    missing: list[int] = []
    resting: set[Hashable] = set()
    is_lasting = True
    for place in places:
        key = (kind.name, kind.key(things[place]))
        view = kept.views.get(key)
        if view is ABSENT:
            missing.append(place)
        else:
            shown[place] = view
            resting.update(kept.views.subjects(key))
    if not missing:
        return resting
    token = kept.book.messages
    recording = Recording(await kind.hydrate(hydrator, asker, [things[place] for place in missing]))
    for place in missing:
        thing = things[place]
        made = recording.alone(lambda state, thing=thing: kind.alone(state, thing))  # type: ignore[misc]
        shown[place] = made.it
        is_lasting = is_lasting and made.is_lasting
        if made.is_lasting:
            resting.update(made.subjects)
            size = 0 if made.it is None else len(orjson.dumps(made.it))
            kept.views.put((kind.name, kind.key(thing)), made.it, token, made.subjects, size)
    return resting if is_lasting else None


async def _templates(
    hydrator: Hydrator, kept: ViewerRows, asker: Asker, things: Sequence[T], kind: Kind[T]
) -> tuple[list[tuple[int, Template]], list[int]]:
    """The templates by the things' places, and the places of things that have none."""
    found: list[tuple[int, Template]] = []
    alone: list[int] = []
    missing: list[int] = []
    book, signed_in = kept.book, asker.viewer is not None
    for place, thing in enumerate(things):
        template = book.templates.get((signed_in, kind.key(thing)))
        if template is ABSENT or (template is not None and template.is_over):
            missing.append(place)
        elif template is None:
            alone.append(place)
        else:
            found.append((place, template))
    if missing:
        assert kind.template is not None
        token = book.messages
        # nobody's relations, marks and labels: a template has none
        state = await kind.hydrate(hydrator, Asker(version=()), [things[place] for place in missing])
        templates = Templates(state, signed_in=signed_in)
        for place in missing:
            template, subjects, _ = kind.template(templates, things[place])
            size = 0 if template is None else template.size
            book.templates.put((signed_in, kind.key(things[place])), template, token, subjects, size)
            if template is None:
                alone.append(place)
            else:
                found.append((place, template))
    return found, alone


# --- posts -----------------------------------------------------------------------------------------------------------


def _post_alone(state: State, key: Key) -> orjson.Fragment | None:
    return None if viewer_blocks(state, key[1]) else post_view(state, key)


async def _posts(hydrator: Hydrator, asker: Asker, keys: list[Key]) -> State:
    return await hydrator.posts(asker, keys)


POSTS: Kind[Key] = Kind("post", lambda key: key, _posts, _post_alone, Templates.post)
"""Posts by their keys; those of whom a block keeps from the viewer are not shown."""


# --- feed items ------------------------------------------------------------------------------------------------------


async def _feed(hydrator: Hydrator, asker: Asker, items: list[FeedItem]) -> State:
    return await hydrator.feed(asker, items)


def feed_items(name: str, hides: Callable[[Hidden], bool]) -> Kind[FeedItem]:
    """Feed items, less those that `hides` says are hidden. An item that nothing ties to the viewer is never hidden."""

    def alone(state: State, item: FeedItem) -> orjson.Fragment | None:
        if state.viewer is not None and hides(hidden(state, item)):
            return None
        view = feed_view_post(state, item)
        return None if view is None else orjson.Fragment(orjson.dumps(view))

    return Kind(name, _item_key, _feed, alone, Templates.feed_item)


def _item_key(item: FeedItem) -> Hashable:
    return (item.post, item.repost, item.pinned)
