"""The records that simulated accounts write, as DAG-CBOR bytes.

Owns the form of each record and the words in it; who writes about whom is decided in `traffic`. The frequent
records (likes, reposts, follows) are assembled from ready pieces in DAG-CBOR's key order, the others by the
general encoder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from .clock import datetime_text
from .dagcbor import CID, encode, head

LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
FOLLOW = "app.bsky.graph.follow"
BLOCK = "app.bsky.graph.block"
POST = "app.bsky.feed.post"

_WORDS_TEXT = """
a about again all always another any back because before bird bread bridge city cloud coffee could day
different door early evening every far field fire first forest found friend garden good green half harbour
heard here hill home how idea if island just kind lake last late light little long look made maybe mind moon
morning most mountain music name never new night now often old once only open other our over paper people
place quiet rain read river road same sea season see slow small snow some song soon still stone story summer
sun table tea thing think thought time today together train tree under walk wall warm watch water way week
where which while wind window winter with wonder word work world write year yellow yesterday
"""
WORDS = tuple(_WORDS_TEXT.split())
TAGS = ("art", "birds", "books", "cats", "food", "music", "photography", "science", "weather")
LANGUAGES = ("en", "en", "en", "en", "pt", "ja", "de", "es", "fr", "ko")
FOREIGN = {
    "ja": "今日はいい天気ですね",
    "ko": "오늘 날씨가 좋네요",
    "pt": "amanhã é outro dia",
    "de": "schönes Wetter",
}
PAGES = ("https://example.com/news", "https://example.org/story", "https://example.net/watch")


@dataclass(frozen=True, slots=True)
class Reference:
    """A record that others point at: author's number, URI and CID, and the root of the thread that it replies in."""

    author: int
    uri: str
    cid: str
    root: Reference | None = None

    def strong(self) -> dict[str, str]:
        """The reference as it stands in records."""
        return {"cid": self.cid, "uri": self.uri}


def _opening(fields: int, name: str) -> bytes:
    return head(5, fields) + b"\x65$type" + encode(name)


_SUBJECT_OPENINGS = {
    name: (_opening(3, name) + b"\x67subject", _opening(4, name)[1:] + b"\x67subject")
    for name in (LIKE, REPOST)
}
_ACCOUNT_OPENINGS = {name: _opening(3, name) + b"\x67subject" for name in (FOLLOW, BLOCK)}


def _strong(reference: Reference) -> bytes:
    uri = reference.uri.encode()
    return b"\xa2\x63cid\x78\x3b" + reference.cid.encode() + b"\x63uri" + head(3, len(uri)) + uri


def _created(instant_us: int) -> bytes:
    return b"\x69createdAt\x78\x18" + datetime_text(instant_us).encode()


def endorsement(collection: str, subject: Reference, instant_us: int, via: Reference | None = None) -> bytes:
    """A like or a repost of a post, perhaps through somebody's repost."""
    plain, after_via = _SUBJECT_OPENINGS[collection]
    opening = plain if via is None else b"\xa4\x63via" + _strong(via) + after_via
    return opening + _strong(subject) + _created(instant_us)


def relation(collection: str, subject_did: str, instant_us: int) -> bytes:
    """A follow or a block of an account."""
    return _ACCOUNT_OPENINGS[collection] + encode(subject_did) + _created(instant_us)


def other(collection: str, instant_us: int, **fields: Any) -> bytes:
    """Any other record."""
    return encode({"$type": collection, "createdAt": datetime_text(instant_us), **fields})


def sentence(random: Random, least: int = 4, most: int = 30) -> str:
    """Some words; mostly few."""
    count = least + int((most - least) * random.random() ** 2)
    words = random.choices(WORDS, k=count)
    return " ".join(words).capitalize() + random.choice((".", ".", "!", "?", " …"))


def blob(name: str, mime_type: str, size: int) -> dict[str, Any]:
    """A reference to a blob that nobody stores."""
    cid = b"\x01\x55\x12\x20" + hashlib.sha256(name.encode()).digest()
    return {"$type": "blob", "ref": CID(cid), "mimeType": mime_type, "size": size}


def images(random: Random) -> dict[str, Any]:
    """An embed of one to four pictures."""
    pictures = [
        {
            "alt": sentence(random, 2, 8) if random.random() < 0.4 else "",
            "image": blob(f"{random.getrandbits(64)}", "image/jpeg", random.randrange(20_000, 900_000)),
            "aspectRatio": {"width": random.choice((1000, 1500, 2000)), "height": 1000},
        }
        for _ in range(1 + int(4 * random.random() ** 3))
    ]
    return {"$type": "app.bsky.embed.images", "images": pictures}


def external(random: Random) -> dict[str, Any]:
    """An embed of a web page's card."""
    card = {
        "uri": f"{random.choice(PAGES)}/{random.randrange(100_000)}",
        "title": sentence(random, 3, 9),
        "description": sentence(random, 6, 20),
    }
    return {"$type": "app.bsky.embed.external", "external": card}


def post(
    random: Random,
    instant_us: int,
    parent: Reference | None = None,
    quoted: Reference | None = None,
    mentioned: tuple[str, str] | None = None,
) -> bytes:
    """A post: perhaps a reply, a quote, or one that mentions an account (DID, handle)."""
    language = random.choice(LANGUAGES)
    text = sentence(random)
    if language in FOREIGN:
        text = f"{FOREIGN[language]} {text}"
    record: dict[str, Any] = {"$type": POST, "createdAt": datetime_text(instant_us), "langs": [language]}
    facets: list[dict[str, Any]] = []
    if mentioned is not None:
        text = _with_facet(
            text,
            f"@{mentioned[1]}",
            {"$type": "app.bsky.richtext.facet#mention", "did": mentioned[0]},
            facets,
        )
    chance = random.random()
    if chance < 0.08:
        tag = random.choice(TAGS)
        text = _with_facet(text, f"#{tag}", {"$type": "app.bsky.richtext.facet#tag", "tag": tag}, facets)
    elif chance < 0.12:
        link = f"{random.choice(PAGES)}/{random.randrange(100_000)}"
        text = _with_facet(text, link[8:], {"$type": "app.bsky.richtext.facet#link", "uri": link}, facets)
    elif chance < 0.13:
        record["tags"] = random.sample(TAGS, 2)
    elif chance < 0.14:
        labels = [{"val": random.choice(("sexual", "nudity", "graphic-media"))}]
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": labels}
    record["text"] = text
    if facets:
        record["facets"] = facets
    if parent is not None:
        record["reply"] = {"root": (parent.root or parent).strong(), "parent": parent.strong()}
    chance = random.random()
    media = images(random) if chance < 0.16 else external(random) if chance < 0.24 else None
    if quoted is not None:
        quote = {"$type": "app.bsky.embed.record", "record": quoted.strong()}
        if media is not None:
            media = {"$type": "app.bsky.embed.recordWithMedia", "record": quote, "media": media}
        record["embed"] = media or quote
    elif media is not None:
        record["embed"] = media
    return encode(record)


def _with_facet(text: str, shown: str, feature: dict[str, Any], facets: list[dict[str, Any]]) -> str:
    """The text with one more word, and the facet that says what it is (byte offsets, as facets count)."""
    start = len(text.encode()) + 1
    facets.append(
        {"index": {"byteStart": start, "byteEnd": start + len(shown.encode())}, "features": [feature]}
    )
    return f"{text} {shown}"


def profile(handle: str, instant_us: int, edition: int, pinned: Reference | None = None) -> bytes:
    """A profile; `edition` tells its versions apart."""
    name = handle.split(".")[0].rstrip("0123456789").capitalize()
    record: dict[str, Any] = {
        "displayName": name if edition == 0 else f"{name} ({edition & 255})",
        "description": f"{name} of the simulated network, version {edition}.",
        "avatar": blob(f"avatar of {handle} {edition}", "image/jpeg", 40_000 + edition % 1000),
    }
    if edition % 4 == 1:
        record["banner"] = blob(f"banner of {handle} {edition}", "image/png", 200_000)
    if pinned is not None:
        record["pinnedPost"] = pinned.strong()
    return other("app.bsky.actor.profile", instant_us, **record)


def threadgate(post_uri: str, instant_us: int, lists: Sequence[str], mention_only: bool) -> bytes:
    """A gate that lets members of lists, followed accounts or mentioned accounts reply."""
    allow: list[dict[str, Any]] = [
        {"$type": "app.bsky.feed.threadgate#listRule", "list": uri} for uri in lists
    ]
    allow.append({"$type": f"app.bsky.feed.threadgate#{'mention' if mention_only else 'following'}Rule"})
    return other("app.bsky.feed.threadgate", instant_us, post=post_uri, allow=allow)


def postgate(post_uri: str, instant_us: int) -> bytes:
    """A gate that forbids quotes."""
    rules = [{"$type": "app.bsky.feed.postgate#disableRule"}]
    return other("app.bsky.feed.postgate", instant_us, post=post_uri, embeddingRules=rules)
