"""app.bsky.notification.putActivitySubscription: be notified of an account's posts and replies, or no longer."""

from __future__ import annotations

import msgspec

from indexer._fastpath.syntax import valid_did
from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json


class Wanted(msgspec.Struct):
    post: bool
    reply: bool


class Body(msgspec.Struct, rename="camel"):
    subject: str
    activity_subscription: Wanted


async def answer(call: Call[Parameters]) -> Json:
    body: Body = call.body
    wanted = body.activity_subscription
    if not valid_did(body.subject):
        raise InvalidRequest("Input/subject must be a valid did")
    if body.subject == call.asker.did:
        raise InvalidRequest("Cannot subscribe to own activity")
    subject = (await call.services.keys.created_ids([body.subject]))[body.subject]
    await call.services.private.subscribe(
        await call.account(), subject, posts=wanted.post, replies=wanted.reply
    )
    view: Json = {"subject": body.subject}
    if wanted.post or wanted.reply:
        view["activitySubscription"] = {"post": wanted.post, "reply": wanted.reply}
    return view


ENDPOINT = Endpoint(
    "app.bsky.notification.putActivitySubscription",
    Parameters,
    answer,
    auth=Mode.STANDARD,
    labelers=False,
    body=Body,
)
