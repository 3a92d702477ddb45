"""How `records.1.dictionary` was made, from which records are compressed (compression.py):

    python -m indexer.records.dictionary FILE

Owns the recipe: made-up records of every type that the lexicons know, with the optional fields that clients set,
random identifiers and texts of usual words of the languages most used, from which zstandard's trainer takes what
repeats. Nothing of it is used by a running program. A dictionary that has been released is never changed, only followed
by another number: stored records need it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

from indexer._fastpath import cbor
from indexer._fastpath.cid import CID

SIZE = 32_768
SAMPLES = 30_000
LEVEL = 12

_ENGLISH_TEXT = """
the be to of and a in that have I it for not on with he as you do at this but his by from they we say her she or an
will my one all would there their what so up out if about who get which go me when make can like time no just him know
take people into year your good some could them see other than then now look only come its over think also back after
use two how our work first well way even new want because any these give day most us is are was were been has had did
does don't I'm it's that's can't you're more very here where why really still much many too life world man woman child
place case week company system program question government number night point home water room mother area money story
fact month lot right study book eye job word business issue side kind head house service friend father power hour game
line end member law car city community name president team minute idea body information thing today never great feel
love need should long little own old big high different small large next early young important few public bad same
able live show every last through down off before must such might between against again always something nothing
everyone anyone thanks thank please happy morning tonight tomorrow yesterday photo picture video post read write watch
listen music art song movie play news free open better best sure actually maybe pretty hope keep let call try ask seem
leave put mean become start help talk turn run move believe hold bring happen sit stand lose pay meet include continue
set learn change lead understand stop follow create speak allow add spend grow walk win offer remember consider appear
buy wait serve die send expect build stay fall cut reach kill remain hand part may each said oil down find made number
write long has look two more go see way could than been its who did get come
"""
_ENGLISH = _ENGLISH_TEXT.split()
_OTHER_TEXT = """
de la que el en y los se del las un por con no una su para es al lo como más pero sus le ya este
porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos
uno les ni contra otros o não um uma os as do da em com por mais mas foi ao ele das tem à seu sua ou
ser quando muito há já está eu só pelo isso ela você der die und das von zu mit sich des auf für ist
im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch
wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man heute schön le et à
les est pas il je vous que des qui ne en une dans sur tout pour mais ce avec elle on sont nous fait
bien plus
これ それ です ます した して いる ある ない から まで よう こと もの さん ちゃん
今日 明日 今 人 日 年 時 見 行 来 出 思 大 小 新 本 おはよう
ありがとう 可愛い 楽しい かわいい 好き 오늘 나는 그 이 것 있다 하는 수 저 제가 정말 너무 합니다 입니다 안녕
"""
_OTHER = _OTHER_TEXT.split()
Maker = Callable[[], dict[str, Any]]

_B32 = "abcdefghijklmnopqrstuvwxyz234567"
_TID = "234567abcdefghijklmnopqrstuvwxyz"
_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789"


def _pick(chars: str, count: int) -> str:
    return "".join(random.choices(chars, k=count))


def _words(least: int, most: int) -> str:
    language = _OTHER if random.random() < 0.2 else _ENGLISH
    text = " ".join(random.choices(language, k=random.randint(least, most)))
    return random.choice((text, text.capitalize(), text.capitalize() + random.choice((".", "!", "?", " …"))))


def _time() -> str:
    return (
        f"20{random.randint(23, 32)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}T"
        f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}"
        f".{random.randint(0, 999):03d}Z"
    )


def _did() -> str:
    return "did:plc:" + _pick(_B32, 24)


def _host() -> str:
    return _pick(_ALPHANUMERIC, random.randint(4, 10)) + random.choice(
        (".com", ".org", ".net", ".bsky.social")
    )


def _digest() -> CID:
    return CID.from_digest(random.randbytes(32))


def _uri(collection: str = "app.bsky.feed.post") -> str:
    return f"at://{_did()}/{collection}/3{random.choice('jklmn')}{_pick(_TID, 11)}"


def _reference(collection: str = "app.bsky.feed.post") -> dict[str, Any]:
    return {"cid": str(_digest()), "uri": _uri(collection)}


def _blob(mime: str) -> dict[str, Any]:
    raw = CID.parse("bafkrei" + str(_digest())[7:])
    return {"$type": "blob", "ref": raw, "mimeType": mime, "size": random.randint(1_000, 999_999)}


def _picture() -> dict[str, Any]:
    return _blob(random.choice(("image/jpeg", "image/jpeg", "image/png", "image/webp")))


def _image() -> dict[str, Any]:
    size = {"width": random.randint(300, 2000), "height": random.randint(300, 2000)}
    alt = random.choice(("", "", _words(1, 20)))
    return {"alt": alt, "image": _picture(), "aspectRatio": size}


def _images() -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.images",
        "images": [_image() for _ in range(random.choice((1, 1, 1, 2, 4)))],
    }


def _video() -> dict[str, Any]:
    size = {"width": random.choice((1080, 1920, 720)), "height": random.choice((1080, 1920, 720))}
    return {"$type": "app.bsky.embed.video", "video": _blob("video/mp4"), "aspectRatio": size}


def _external() -> dict[str, Any]:
    card: dict[str, Any] = {
        "uri": random.choice(
            ("https://www.youtube.com/watch?v=", "https://media.tenor.com/", f"https://{_host()}/")
        )
        + _pick(_ALPHANUMERIC, random.randint(5, 40)),
        "title": _words(2, 12),
        "description": _words(0, 30),
    }
    if random.random() < 0.6:
        card["thumb"] = _picture()
    return {"$type": "app.bsky.embed.external", "external": card}


def _quote() -> dict[str, Any]:
    return {"$type": "app.bsky.embed.record", "record": _reference()}


def _quote_with_media() -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.recordWithMedia",
        "media": random.choice((_images, _external, _video))(),
        "record": _quote(),
    }


_EMBEDS: tuple[Maker, ...] = (_images, _images, _external, _quote, _video, _quote_with_media)


def _facet() -> dict[str, Any]:
    start = random.randint(0, 200)
    feature: dict[str, Any] = random.choice(
        (
            {"$type": "app.bsky.richtext.facet#link", "uri": f"https://{_host()}/{_pick(_ALPHANUMERIC, 12)}"},
            {"$type": "app.bsky.richtext.facet#mention", "did": _did()},
            {"$type": "app.bsky.richtext.facet#tag", "tag": random.choice(_ENGLISH + _OTHER)},
        )
    )
    facet = {"index": {"byteEnd": start + random.randint(3, 60), "byteStart": start}, "features": [feature]}
    return {"$type": "app.bsky.richtext.facet", **facet} if random.random() < 0.2 else facet


def _labels() -> dict[str, Any]:
    value = random.choice(("porn", "sexual", "nudity", "graphic-media", "!no-unauthenticated"))
    return {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": value}]}


def _post() -> dict[str, Any]:
    post: dict[str, Any] = {"$type": "app.bsky.feed.post", "text": _words(0, 40), "createdAt": _time()}
    if random.random() < 0.9:
        post["langs"] = [
            random.choice(("en", "en", "en", "ja", "pt", "es", "de", "fr", "ko", "nl", "en-US", "pt-BR"))
        ]
    if random.random() < 0.45:
        parent = _reference()
        post["reply"] = {"root": parent if random.random() < 0.5 else _reference(), "parent": parent}
    if random.random() < 0.45:
        post["embed"] = random.choice(_EMBEDS)()
    if random.random() < 0.2:
        post["facets"] = [_facet() for _ in range(random.choice((1, 1, 2, 3)))]
    if random.random() < 0.02:
        post["labels"] = _labels()
    if random.random() < 0.02:
        post["tags"] = [random.choice(_ENGLISH)]
    return post


def _profile() -> dict[str, Any]:
    profile: dict[str, Any] = {"$type": "app.bsky.actor.profile"}
    optional: dict[str, Any] = {
        "avatar": _picture(), "banner": _picture(), "createdAt": _time(), "description": _words(2, 30),
        "displayName": _words(1, 2), "pinnedPost": _reference(), "labels": _labels(), "pronouns": "they/them",
        "website": f"https://{_host()}", "joinedViaStarterPack": _reference("app.bsky.graph.starterpack"),
    }  # fmt: skip
    odds = (0.8, 0.5, 0.8, 0.8, 0.8, 0.2, 0.1, 0.05, 0.05, 0.1)
    return profile | {
        name: optional[name] for name, odd in zip(optional, odds, strict=True) if random.random() < odd
    }


def _edge() -> dict[str, Any]:
    kind = random.choice(("app.bsky.feed.like", "app.bsky.feed.repost"))
    return {
        "$type": kind,
        "subject": _reference(),
        "createdAt": _time(),
        "via": _reference("app.bsky.feed.repost"),
    }


def _about_account() -> dict[str, Any]:
    kind = random.choice(("app.bsky.graph.follow", "app.bsky.graph.block"))
    return {"$type": kind, "subject": _did(), "createdAt": _time()}


def _list_item() -> dict[str, Any]:
    return {
        "$type": "app.bsky.graph.listitem", "list": _uri("app.bsky.graph.list"), "subject": _did(), "createdAt": _time()
    }  # fmt: skip


def _list() -> dict[str, Any]:
    purpose = random.choice(("curatelist", "modlist", "referencelist"))
    made = {
        "$type": "app.bsky.graph.list", "name": _words(1, 4), "purpose": f"app.bsky.graph.defs#{purpose}",
        "createdAt": _time(), "description": _words(0, 20),
    }  # fmt: skip
    return made | ({"avatar": _picture()} if random.random() < 0.3 else {})


def _thread_gate() -> dict[str, Any]:
    rules = random.choice(
        (["mentionRule"], ["followingRule"], ["followerRule"], ["mentionRule", "followingRule"], [])
    )
    return {
        "$type": "app.bsky.feed.threadgate", "post": _uri(), "createdAt": _time(),
        "allow": [{"$type": f"app.bsky.feed.threadgate#{rule}"} for rule in rules],
        "hiddenReplies": [_uri()] if random.random() < 0.3 else [],
    }  # fmt: skip


def _post_gate() -> dict[str, Any]:
    return {
        "$type": "app.bsky.feed.postgate", "post": _uri(), "createdAt": _time(),
        "embeddingRules": [{"$type": "app.bsky.feed.postgate#disableRule"}], "detachedEmbeddingUris": [],
    }  # fmt: skip


def _generator() -> dict[str, Any]:
    return {
        "$type": "app.bsky.feed.generator", "did": f"did:web:{_host()}", "displayName": _words(1, 4),
        "avatar": _picture(), "description": _words(3, 20), "createdAt": _time(), "acceptsInteractions": True,
        "contentMode": "app.bsky.feed.defs#contentModeUnspecified",
    }  # fmt: skip


def _starter_pack() -> dict[str, Any]:
    return {
        "$type": "app.bsky.graph.starterpack", "name": _words(1, 5), "list": _uri("app.bsky.graph.list"),
        "description": _words(3, 20), "feeds": [{"uri": _uri("app.bsky.feed.generator")}], "createdAt": _time(),
        "descriptionFacets": [],
    }  # fmt: skip


def _other() -> dict[str, Any]:
    return random.choice(
        (
            {"$type": "app.bsky.graph.listblock", "subject": _uri("app.bsky.graph.list"), "createdAt": _time()},
            {"$type": "app.bsky.graph.verification", "subject": _did(), "handle": _host(),
             "displayName": _words(1, 2), "createdAt": _time()},
            {"$type": "app.bsky.graph.referencelistoptout", "subject": _uri("app.bsky.graph.list"),
             "createdAt": _time()},
            {"$type": "app.bsky.actor.status", "status": "app.bsky.actor.status#live", "durationMinutes": 240,
             "createdAt": _time(), "embed": _external()},
            {"$type": "app.bsky.notification.declaration", "allowSubscriptions": "followers"},
            {"$type": "chat.bsky.actor.declaration", "allowIncoming": random.choice(("all", "none", "following"))},
            {"$type": "app.bsky.labeler.service", "createdAt": _time(), "policies": {"labelValues": ["spam"],
             "labelValueDefinitions": [{"blurs": "content", "locales": [{"lang": "en", "name": _words(1, 2),
             "description": _words(3, 12)}], "severity": "alert", "identifier": "spam", "adultOnly": False,
             "defaultSetting": "warn"}]}},
        )
    )  # fmt: skip


_SHARES: tuple[tuple[Maker, int], ...] = (
    (_post, 70), (_profile, 10), (_edge, 3), (_about_account, 2), (_list_item, 4), (_list, 2), (_thread_gate, 3),
    (_post_gate, 2), (_generator, 1), (_starter_pack, 1), (_other, 2),
)  # fmt: skip


def make() -> bytes:
    """Return the dictionary: the same every time with the same version of zstandard."""
    random.seed(1)
    makers, weights = [maker for maker, _ in _SHARES], [weight for _, weight in _SHARES]
    samples: list[bytes | bytearray | memoryview[int]] = [
        cbor.encode(maker()) for maker in random.choices(makers, weights, k=SAMPLES)
    ]
    return zstandard.train_dictionary(SIZE, samples, level=LEVEL, dict_id=1).as_bytes()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(make())
