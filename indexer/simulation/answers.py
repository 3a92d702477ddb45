"""What the simulated servers answer to a GET: PDS, PLC directory and handle resolver in one.

Pure: a request in, an Answer out. Rules: the `com.atproto.sync` and `com.atproto.identity` lexicons, the PLC
directory's `GET /<did>`, the handle specification's `/.well-known/atproto-did`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from .dagcbor import cid_text
from .hosts import Host
from .repo import Repo

JSON = "application/json; charset=utf-8"
INACTIVE_ERRORS = {
    "deactivated": "RepoDeactivated",
    "suspended": "RepoSuspended",
    "takendown": "RepoTakendown",
    "deleted": "RepoNotFound",
}


class Answer(NamedTuple):
    """Status, content type and body."""

    status: int
    content_type: str
    body: bytes


def json_answer(value: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, JSON, json.dumps(value).encode())


def failure(error: str, message: str = "", status: int = 400) -> Answer:
    """An XRPC error."""
    return json_answer({"error": error, "message": message}, status)


Query = dict[str, str]


def answer(host: Host, target: str, authority: str) -> Answer:
    """The answer to `GET target` at this Host header."""
    parts = urlsplit(target)
    path = unquote(parts.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if path == "/.well-known/atproto-did":
        did = host.did_of_handle(authority.rsplit(":", 1)[0].lower())
        if did is None:
            return Answer(404, "text/plain", b"User not found")
        return Answer(200, "text/plain", did.encode())
    if path.startswith("/did:"):
        document = host.document(path[1:])
        if document is None:
            return json_answer({"message": f"DID not registered: {path[1:]}"}, 404)
        return Answer(200, "application/did+ld+json", json.dumps(document).encode())
    method = METHODS.get(path.removeprefix("/xrpc/"))
    if method is None or not path.startswith("/xrpc/"):
        return failure("MethodNotImplemented", f"no such path: {path}", 404)
    return method(host, query)


def _health(host: Host, query: Query) -> Answer:
    return json_answer({"version": "simulation"})


def _describe_server(host: Host, query: Query) -> Answer:
    return json_answer(
        {"did": "did:web:localhost", "availableUserDomains": [".test"], "inviteCodeRequired": False}
    )


def _resolve_handle(host: Host, query: Query) -> Answer:
    did = host.did_of_handle(query.get("handle", "").lower())
    return failure("InvalidRequest", "Unable to resolve handle") if did is None else json_answer({"did": did})


def _list_repos(host: Host, query: Query) -> Answer:
    limit, cursor = query.get("limit", "500"), query.get("cursor", "0")
    if not limit.isdecimal() or not 1 <= int(limit) <= 1000 or not cursor.isdecimal():
        return failure("InvalidRequest", "expected a limit of 1 to 1000 and a cursor that this server gave")
    start = int(cursor)
    dids = list(islice(host.dids(start), int(limit)))
    repos = [_listed(host, did, repo) for did in dids if (repo := host.repo(did)) is not None]
    more = {"cursor": str(start + len(dids))} if len(dids) == int(limit) else {}
    return json_answer({**more, "repos": repos})


def _listed(host: Host, did: str, repo: Repo) -> dict[str, Any]:
    return {"did": did, "head": cid_text(repo.commit_cid), "rev": repo.rev, **_activity(host.status(did))}


def _activity(status: str) -> dict[str, Any]:
    return {"active": True} if status == "active" else {"active": False, "status": status}


def _repo_status(host: Host, query: Query) -> Answer:
    did = query.get("did", "")
    repo = host.repo(did)
    if repo is None:
        return failure("RepoNotFound", f"Could not find repo for DID: {did}")
    activity = _activity(host.status(did))
    return json_answer({"did": did, **activity, **({"rev": repo.rev} if activity["active"] else {})})


def _latest_commit(host: Host, query: Query) -> Answer:
    repo = _served(host, query)
    return (
        repo if isinstance(repo, Answer) else json_answer({"cid": cid_text(repo.commit_cid), "rev": repo.rev})
    )


def _get_repo(host: Host, query: Query) -> Answer:
    repo = _served(host, query)
    return repo if isinstance(repo, Answer) else Answer(200, "application/vnd.ipld.car", repo.export())


def _served(host: Host, query: Query) -> Repo | Answer:
    """The repository asked for, or why it is not served."""
    did = query.get("did", "")
    repo = host.repo(did)
    if repo is None:
        return failure("RepoNotFound", f"Could not find repo for DID: {did}")
    status = host.status(did)
    if status != "active":
        return failure(INACTIVE_ERRORS.get(status, "RepoDeactivated"), f"the account is {status}: {did}")
    return repo


METHODS: dict[str, Callable[[Host, Query], Answer]] = {
    "_health": _health,
    "com.atproto.server.describeServer": _describe_server,
    "com.atproto.identity.resolveHandle": _resolve_handle,
    "com.atproto.sync.listRepos": _list_repos,
    "com.atproto.sync.getRepoStatus": _repo_status,
    "com.atproto.sync.getLatestCommit": _latest_commit,
    "com.atproto.sync.getRepo": _get_repo,
}
