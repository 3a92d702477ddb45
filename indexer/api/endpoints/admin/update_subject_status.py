"""com.atproto.admin.updateSubjectStatus: take an account or a record down, or let it up again."""

from __future__ import annotations

import time

import msgspec

from indexer._fastpath.cid import is_cid
from indexer._fastpath.syntax import valid_did
from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.cache.changes import Changes
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json
from indexer.records.collections import POST
from indexer.records.references import parse_uri


class RepoRef(msgspec.Struct, tag_field="$type", tag="com.atproto.admin.defs#repoRef"):
    did: str


class StrongRef(msgspec.Struct, tag_field="$type", tag="com.atproto.repo.strongRef"):
    uri: str
    cid: str


class RepoBlobRef(msgspec.Struct, tag_field="$type", tag="com.atproto.admin.defs#repoBlobRef"):
    did: str
    cid: str


class Status(msgspec.Struct):
    applied: bool
    ref: str | None = None


class Body(msgspec.Struct):
    subject: RepoRef | StrongRef | RepoBlobRef
    takedown: Status | None = None


async def answer(call: Call[Parameters]) -> Json:
    body: Body = call.body
    if not isinstance(body.subject, RepoRef) and not is_cid(body.subject.cid):
        raise InvalidRequest("Input/subject/cid must be a cid string")
    takedown, subject = body.takedown, body.subject
    if not isinstance(subject, StrongRef) and not valid_did(subject.did):
        raise InvalidRequest(f"Input/subject/did must be a did, got {subject.did[:100]!r}")
    if isinstance(subject, StrongRef) and parse_uri(subject.uri) is None:
        raise InvalidRequest(f"Input/subject/uri must be the AT-URI of a record, got {subject.uri[:200]!r}")
    answered: Json = {"subject": msgspec.to_builtins(subject)}
    if takedown is None:
        return answered
    # Without a reference there is nothing to tell it by but that it is one (so the reference's own default).
    reference = (takedown.ref or "TAKEDOWN") if takedown.applied else None
    if isinstance(subject, RepoRef):
        await _account(call, subject.did, reference)
    elif isinstance(subject, StrongRef):
        await _record(call, subject.uri, reference)
    else:
        raise InvalidRequest("Expected an account or a record: this server keeps no blobs")
    answered["takedown"] = msgspec.to_builtins(takedown)
    if takedown.ref is None:
        del answered["takedown"]["ref"]
    return answered


async def _account(call: Call[Parameters], did: str, reference: str | None) -> None:
    actor = (await call.services.keys.created_ids([did]))[did]
    await call.services.database.execute("takedown_account", actor, reference)
    await call.services.changed(Changes(accounts=[actor]))


async def _record(call: Call[Parameters], uri: str, reference: str | None) -> None:
    if reference is None:
        await call.services.database.execute("takedown_record_end", uri)
    else:
        await call.services.database.execute("takedown_record", uri, reference, time.time_ns() // 1_000_000)
    key = (await call.services.keys.keys_of_uris([uri])).get(uri)
    if key is not None and key[0] == POST:
        await call.services.changed(Changes(posts=[(key[1], key[2])]))


ENDPOINT = Endpoint(
    "com.atproto.admin.updateSubjectStatus",
    Parameters,
    answer,
    auth=Mode.ROLE_OR_MODERATION,
    labelers=False,
    body=Body,
    admin=True,
)
