"""The reference AppView's cases, one by one: duplicates, gates, late parents, notifications, deleted accounts.

Each runs twice: every event a batch of its own, and all of them one batch.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.cast import Cast, did_of, rule
from tests.store.dump import dump
from tests.store.model import INVALID_REPLY_ROOT, LIKE, REPOST, VIOLATES_POSTGATE, VIOLATES_THREADGATE
from tests.store.pipeline import Pipeline

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"]),
]


async def tables_after(url: str, cast: Cast, together: bool) -> dict[str, Any]:
    """The tables after everything that happened."""
    async with Pipeline(url) as pipeline:
        for frames in [cast.frames] if together else [[frame] for frame in cast.frames]:
            await pipeline.write(frames)
        return await dump(pipeline.connection)


def reasons(tables: dict[str, Any], recipient: str) -> list[tuple[str, str]]:
    """(reason, author) of an account's notifications, oldest first."""
    found = sorted((n for n in tables["notification"] if n[0] == did_of(recipient)), key=lambda n: n[5])
    return [(n[2], n[1]) for n in found]


def flags(tables: dict[str, Any], post: dict[str, str]) -> int:
    return int(tables["post"][post["uri"]][4])


async def test_five_likes_count_once_and_the_oldest_follows(postgres_url: str, together: bool) -> None:
    cast = Cast()
    post = cast.post("bob")
    likes = [cast.like("ann", post) for _ in range(5)]
    cast.delete(likes[0]["uri"])
    tables = await tables_after(postgres_url, cast, together)
    assert list(tables["like"]) == [likes[1]["uri"]]
    assert tables["like"][likes[1]["uri"]][-1] is True  # without another notification
    assert set(tables["duplicate"]) == {like["uri"] for like in likes[2:]}
    assert tables["post_count"][post["uri"]] == (1, 0, 0, 0)


async def test_deleting_a_duplicate_changes_nothing_else(postgres_url: str, together: bool) -> None:
    cast = Cast()
    first, second = cast.follow("ann", "bob"), cast.follow("ann", "bob")
    cast.delete(second["uri"])
    tables = await tables_after(postgres_url, cast, together)
    assert list(tables["follow"]) == [first["uri"]]
    assert not tables["duplicate"]
    assert tables["actor_count"] == {did_of("ann"): (0, 1, 0), did_of("bob"): (1, 0, 0)}


async def test_an_updated_like_moves_its_count(postgres_url: str, together: bool) -> None:
    cast = Cast()
    first, second = cast.post("bob"), cast.post("cat")
    like = cast.like("ann", first)
    cast.update(like["uri"], subject=second)
    tables = await tables_after(postgres_url, cast, together)
    assert tables["post_count"] == {second["uri"]: (1, 0, 0, 0)}
    assert tables["like"][like["uri"]][-1] is True


async def test_a_duplicate_that_came_to_its_place_keeps_it_when_it_is_edited(
    postgres_url: str, together: bool
) -> None:
    cast = Cast()
    post = cast.post("bob")
    likes = [cast.like("ann", post) for _ in range(3)]
    cast.delete(likes[0]["uri"])
    cast.update(likes[1]["uri"], subject=post)
    tables = await tables_after(postgres_url, cast, together)
    assert list(tables["like"]) == [likes[1]["uri"]]
    assert list(tables["duplicate"]) == [likes[2]["uri"]]


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_path_that_is_created_again_stays_as_it_was(
    postgres_url: str, together: bool, waiting: bool
) -> None:
    cast = Cast()
    first, second = cast.post("bob"), cast.post("cat")
    likes = [cast.like("ann", first) for _ in range(1 + waiting)]
    cast.like("dan", second)
    rkey = likes[-1]["uri"].split("/")[-1]
    cast.forget("ann")
    cast.create("ann", LIKE, rkey, subject=second)
    cast.like("eve", second)
    tables = await tables_after(postgres_url, cast, together)
    assert tables["post_count"] == {first["uri"]: (1, 0, 0, 0), second["uri"]: (2, 0, 0, 0)}
    assert tables["like"][likes[0]["uri"]][0] == first["uri"]
    assert list(tables["duplicate"]) == [like["uri"] for like in likes[1:]]


async def test_likes_of_unknown_posts_count_when_the_post_comes(postgres_url: str, together: bool) -> None:
    cast = Cast()
    post = cast.post("bob")
    cast.like("ann", post)
    cast.frames.reverse()
    tables = await tables_after(postgres_url, cast, together)
    assert tables["post_count"][post["uri"]] == (1, 0, 0, 0)


async def test_a_deleted_post_leaves_likes_and_replies(postgres_url: str, together: bool) -> None:
    cast = Cast()
    post = cast.post("bob")
    like = cast.like("ann", post)
    reply = cast.reply("ann", post)
    cast.delete(post["uri"])
    tables = await tables_after(postgres_url, cast, together)
    assert set(tables["post"]) == {reply["uri"]}
    assert like["uri"] in tables["like"]
    assert tables["post_count"][post["uri"]] == (1, 0, 1, 0)
    assert reasons(tables, "bob") == [("reply", did_of("ann"))]


@pytest.mark.parametrize(
    ("name", "admitted"),
    [
        ("mentionRule", "mentioned"),
        ("followerRule", "follower"),
        ("followingRule", "followed"),
        ("listRule", "listed"),
    ],
)
async def test_gates_admit_by_their_rules(
    postgres_url: str, together: bool, name: str, admitted: str
) -> None:
    cast = Cast()
    everybody = ["mentioned", "follower", "followed", "listed", "owner"]
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": did_of("mentioned")}
    facets = [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [mention]}]
    root = cast.post("owner", facets=facets)
    cast.follow("follower", "owner")
    cast.follow("owner", "followed")
    members = cast.create("owner", "app.bsky.graph.list", name="x", purpose="app.bsky.graph.defs#curatelist")
    cast.create("owner", "app.bsky.graph.listitem", list=members["uri"], subject=did_of("listed"))
    fields = {"list": members["uri"]} if name == "listRule" else {}
    cast.gate("owner", root, rule(name, **fields))
    replies = {who: cast.reply(who, root) for who in everybody}
    tables = await tables_after(postgres_url, cast, together)
    refused = {who for who, reply in replies.items() if flags(tables, reply) & VIOLATES_THREADGATE}
    assert refused == set(everybody) - {admitted, "owner"}
    assert tables["post_count"][root["uri"]] == (0, 0, 2, 0)
    assert reasons(tables, "owner") == [("reply", did_of(admitted))]


async def test_a_gate_holds_from_when_it_comes_until_it_goes(postgres_url: str, together: bool) -> None:
    cast = Cast()
    root = cast.post("owner")
    before = cast.reply("ann", root)
    gate = cast.gate("owner", root)
    while_it_holds = cast.reply("ann", root)
    cast.delete(gate["uri"])
    after = cast.reply("ann", root)
    tables = await tables_after(postgres_url, cast, together)
    found = [bool(flags(tables, post) & VIOLATES_THREADGATE) for post in (before, while_it_holds, after)]
    assert found == [False, True, False]


async def test_a_post_gate_forbids_quotes_by_others(postgres_url: str, together: bool) -> None:
    cast = Cast()
    post = cast.post("owner")
    rkey = post["uri"].split("/")[-1]
    disabled = [{"$type": "app.bsky.feed.postgate#disableRule"}]
    cast.create("owner", "app.bsky.feed.postgate", rkey, post=post["uri"], embeddingRules=disabled)
    quote = {"$type": "app.bsky.embed.record", "record": post}
    by_other, by_owner = cast.post("ann", embed=quote), cast.post("owner", embed=quote)
    tables = await tables_after(postgres_url, cast, together)
    assert flags(tables, by_other) & VIOLATES_POSTGATE
    assert not flags(tables, by_owner) & VIOLATES_POSTGATE
    assert not reasons(tables, "owner")
    assert tables["post_count"][post["uri"]] == (0, 0, 0, 2)


async def test_replies_under_another_root_are_marked(postgres_url: str, together: bool) -> None:
    cast = Cast()
    root, other = cast.post("owner"), cast.post("other")
    right = cast.reply("ann", root)
    wrong = cast.reply("bob", right, other)
    below = cast.reply("cat", wrong, other)
    unknown = cast.reply("dan", {**root, "uri": root["uri"][:-1] + "z"}, root)
    tables = await tables_after(postgres_url, cast, together)
    marked = [bool(flags(tables, post) & INVALID_REPLY_ROOT) for post in (right, wrong, below, unknown)]
    assert marked == [False, True, True, True]


async def test_replies_notify_four_authors_up_and_nobody_twice(postgres_url: str, together: bool) -> None:
    cast = Cast()
    posts = [cast.post("p0")]
    for number in range(1, 7):
        posts.append(cast.reply(f"p{number}", posts[-1], posts[0]))
    tables = await tables_after(postgres_url, cast, together)
    by_last = sorted(n[0] for n in tables["notification"] if n[1] == did_of("p6"))
    assert by_last == [did_of(f"p{number}") for number in (2, 3, 4, 5)]
    assert len({(n[0], n[3]) for n in tables["notification"]}) == len(tables["notification"])


async def test_mention_goes_before_quote_before_reply(postgres_url: str, together: bool) -> None:
    cast = Cast()
    parent = cast.post("bob")
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": did_of("bob")}
    facets = [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [mention]}]
    quote = {"$type": "app.bsky.embed.record", "record": parent}
    cast.reply("ann", parent, facets=facets, embed=quote)
    cast.reply("cat", parent, embed=quote)
    cast.reply("dan", parent)
    cast.reply("bob", parent, facets=facets, embed=quote)  # nobody notifies themselves
    tables = await tables_after(postgres_url, cast, together)
    assert reasons(tables, "bob") == [
        ("mention", did_of("ann")),
        ("quote", did_of("cat")),
        ("reply", did_of("dan")),
    ]


async def test_a_late_parent_is_notified_of_its_replies(postgres_url: str, together: bool) -> None:
    cast = Cast()
    root = cast.post("owner")
    middle = cast.reply("bob", root)
    cast.reply("ann", middle, root)
    cast.frames = [cast.frames[0], cast.frames[2], cast.frames[1]]
    tables = await tables_after(postgres_url, cast, together)
    assert reasons(tables, "bob") == [("reply", did_of("ann"))]
    assert sorted(reasons(tables, "owner")) == [("reply", did_of("ann")), ("reply", did_of("bob"))]


async def test_a_hidden_reply_stops_notifications_above_it(postgres_url: str, together: bool) -> None:
    cast = Cast()
    root = cast.post("owner")
    hidden = cast.reply("bob", root)
    rkey = root["uri"].split("/")[-1]
    cast.create("owner", "app.bsky.feed.threadgate", rkey, post=root["uri"], hiddenReplies=[hidden["uri"]])
    cast.reply("ann", hidden, root)
    tables = await tables_after(postgres_url, cast, together)
    assert reasons(tables, "bob") == [("reply", did_of("ann"))]
    assert reasons(tables, "owner") == [("reply", did_of("bob"))]


async def test_likes_through_reposts_notify_the_reposter(postgres_url: str, together: bool) -> None:
    cast = Cast()
    post = cast.post("bob")
    repost = cast.create("cat", REPOST, subject=post)
    kept, gone = cast.like("ann", post, via=repost), cast.like("dan", post, via=repost)
    cast.like("cat", post, via=repost)  # their own repost
    cast.delete(gone["uri"])
    tables = await tables_after(postgres_url, cast, together)
    assert reasons(tables, "cat") == [("like-via-repost", did_of("ann"))]
    assert kept["uri"] in tables["like"]


async def test_a_deleted_account_leaves_exact_counts(postgres_url: str, together: bool) -> None:
    cast = Cast()
    post = cast.post("bob")
    cast.like("ann", post)
    cast.follow("ann", "bob")
    cast.reply("ann", post)
    own = cast.post("ann")
    cast.like("bob", own)
    cast.account("ann", False, "deleted")
    again = cast.post("ann", "back")
    tables = await tables_after(postgres_url, cast, together)
    assert set(tables["post"]) == {post["uri"], again["uri"]}
    assert tables["actor_count"] == {did_of("ann"): (0, 0, 1), did_of("bob"): (0, 0, 1)}
    assert tables["post_count"] == {own["uri"]: (1, 0, 0, 0)}
    assert not tables["notification"]


async def test_an_old_host_cannot_deactivate_a_moved_account(postgres_url: str, together: bool) -> None:
    cast = Cast()
    cast.post("ann")
    cast.account("ann", True)
    cast.account("ann", False, "deactivated", minutes_ago=5)
    tables = await tables_after(postgres_url, cast, together)
    assert tables["status"][did_of("ann")][0] == 0


async def test_deletes_come_before_creates_of_a_commit(postgres_url: str, together: bool) -> None:
    """Unlike and like again in one commit: the new like stays, and it notifies."""
    cast = Cast()
    post = cast.post("bob")
    like = cast.like("ann", post)
    cast.delete(like["uri"])
    again = cast.like("ann", post)
    tables = await tables_after(postgres_url, cast, together)
    assert list(tables["like"]) == [again["uri"]]
    assert tables["like"][again["uri"]][-1] is False
    assert not tables["duplicate"]


async def test_a_muted_thread_sends_nothing_to_whom_muted_it(postgres_url: str, together: bool) -> None:
    cast = Cast()
    muted, other = cast.post("bob"), cast.post("bob")
    before = len(cast.frames)
    reply = cast.reply("cat", muted)
    deeper = cast.reply("bob", reply, muted)
    for post in (muted, other, deeper):
        cast.like("ann", post)
        cast.create("ann", REPOST, subject=post)
        cast.reply("dan", post, muted if post is not other else None)
    async with Pipeline(postgres_url) as pipeline:
        await pipeline.write(cast.frames[:before])
        await pipeline.connection.execute(
            "INSERT INTO thread_mute (actor, root_actor, root_key, created_at)"
            " SELECT actor, actor, min(rkey), 0 FROM post GROUP BY actor"
        )
        rest = cast.frames[before:]
        for frames in [rest] if together else [[frame] for frame in rest]:
            await pipeline.write(frames)
        tables = await dump(pipeline.connection)
    assert [reason for reason, _ in reasons(tables, "bob")] == ["reply"], "of the other thread"
    quiet = {uri: row[-1] for kind in ("like", "repost") for uri, row in tables[kind].items()}
    assert sorted(quiet.values()) == [False, False, True, True, True, True]
    assert ("reply", did_of("bob")) in reasons(tables, "cat"), "who has not muted it is told"
