"""The OpenAPI description, and what a fuzzer that reads it finds: the running API, over really ingested records.

Whatever is asked, no answer may be a 500, and none may be out of the schema that the description promises.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import requests
import schemathesis
from coincurve import PrivateKey
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from indexer._fastpath import tid
from indexer.api.lexicons import lexicon
from indexer.api.openapi import describe
from indexer.api.router import all_endpoints
from indexer.cli.daemon import free_port
from indexer.records.collections import NSIDS, POST
from indexer.store.reads.spelling import cid_text
from tests.api.conftest import SERVICE, service_token

_CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
_PASSWORD = "correct horse"
_WORDS = [
    "hello",
    "test",
    "a",
    "#tag",
    '"two words"',
    "from:alice.test",
    "since:2020-01-01",
    "-not",
    "lang:en",
    "",
]


def test_the_packaged_lexicons_are_the_shared_ones(shared_directory: Path) -> None:
    found = {}
    for path in (shared_directory / "lexicons").rglob("*.json"):
        document = json.loads(path.read_text())
        found[document["id"]] = document
    packaged = [path.stem for path in (Path(__file__).parents[2] / "indexer/api/lexicons").glob("*.json")]
    assert len(packaged) > len(all_endpoints())
    for nsid in packaged:
        assert lexicon(nsid) == found[nsid], nsid


def test_every_served_method_is_described() -> None:
    described = describe()
    assert {path.removeprefix("/xrpc/") for path in described["paths"]} == set(all_endpoints())
    text = json.dumps(described)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}:
        assert reference in described["components"]["schemas"], reference


@dataclass
class Running:
    """A running API, and accounts whose keys we have."""

    url: str
    metrics_url: str
    session: requests.Session
    keys: dict[str, PrivateKey]

    def headers(self, viewer: str | None, nsid: str) -> dict[str, str]:
        if viewer is None:
            return {}
        if viewer == "operator":
            return {"authorization": requests.auth._basic_auth_str("admin", _PASSWORD)}
        return {"authorization": f"Bearer {service_token(self.keys[viewer], viewer, nsid)}"}


async def _known(
    postgres_url: str, handles: dict[str, str]
) -> tuple[dict[str, PrivateKey], dict[str, list[str]]]:
    """Give the accounts handles and keys of ours; DIDs, handles and URIs of what is in the database."""
    connection = await asyncpg.connect(postgres_url)
    try:
        for did, handle in handles.items():
            await connection.execute("UPDATE actor SET handle = $2 WHERE did = $1", did, handle)
        accounts = {
            row["id"]: row["did"]
            for row in await connection.fetch(
                "SELECT id, did FROM actor WHERE indexed_at IS NOT NULL ORDER BY id"
            )
        }
        keys = {did: PrivateKey() for did in list(accounts.values())[:4]}
        for did, key in keys.items():
            stored = b"\x01" + key.public_key.format()
            await connection.execute("UPDATE actor SET signing_key = $2 WHERE did = $1", did, stored)
        rows = await connection.fetch(
            "SELECT $1::smallint AS kind, rkey AS key, actor FROM post WHERE rkey > 0"
            " UNION ALL SELECT kind, key, actor FROM record WHERE key > 0",
            POST,
        )
        uris = [
            f"at://{accounts[row['actor']]}/{NSIDS[row['kind']]}/{tid.to_text(row['key'])}" for row in rows
        ]
        cids = [cid_text(row["cid"]) for row in await connection.fetch("SELECT cid FROM post LIMIT 5")]
    finally:
        await connection.close()
    by_kind: dict[str, list[str]] = {}
    for uri in uris:
        by_kind.setdefault(uri.split("/")[3], []).append(uri)
    spread = [uri for found in by_kind.values() for uri in found[:40]]
    return keys, {
        "did": list(accounts.values()),
        "handle": list(handles.values()),
        "at-uri": spread,
        "cid": cids,
    }


@pytest.fixture
def running(postgres_url: str, redis_url: str, ingested: dict[str, str]) -> Iterator[Running]:
    keys, values = asyncio.run(_known(postgres_url, ingested))
    _VALUES.update({name: odd + values.get(name, []) for name, odd in _ODD.items()})
    port, metrics_port = free_port("127.0.0.1"), free_port("127.0.0.1")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    environment |= {
        "INDEXER_POSTGRES_URL": postgres_url, "INDEXER_REDIS_URL": redis_url, "INDEXER_API_PORT": str(port),
        "INDEXER_API_WORKERS": "2", "INDEXER_API_METRICS_PORT": str(metrics_port),
        "INDEXER_SERVICE_DID": SERVICE, "INDEXER_ADMIN_PASSWORD": _PASSWORD,
    }  # fmt: skip
    command = [sys.executable, "-m", "indexer", "api"]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=environment) as server, requests.Session() as session:
        try:
            for _ in range(300):
                assert server.poll() is None
                try:
                    if session.get(f"{url}/xrpc/_health", timeout=1).ok:
                        break
                except requests.ConnectionError:
                    time.sleep(0.1)
            yield Running(url, f"http://127.0.0.1:{metrics_port}/metrics", session, keys)
        finally:
            server.terminate()
            assert server.wait(30) == 0


def _with_formats_only(value: Any) -> Any:
    """A schema in which strings of a format have no pattern: a fuzzer asks `_VALUES` for them then."""
    if isinstance(value, dict):
        without = {"pattern"} if "format" in value else set()
        return {name: _with_formats_only(part) for name, part in value.items() if name not in without}
    return [_with_formats_only(part) for part in value] if isinstance(value, list) else value


def _description() -> Any:
    """The description, with questions of values that mean something here and answers as they are described."""
    described = copy.deepcopy(describe())
    for path in described["paths"].values():
        for operation in path.values():
            for name in ("parameters", "requestBody"):
                if name in operation:
                    operation[name] = _with_formats_only(operation[name])
    return described


_VALUES: dict[str, list[str]] = {}
"""Values of each string format: what is in the database, and what is not."""

_ODD = {
    "did": ["did:plc:" + "z" * 24, "did:web:nobody.test"],
    "handle": ["nobody.test"],
    "at-uri": ["at://did:plc:" + "z" * 24 + "/app.bsky.feed.post/3jzfcijpj2z2a", "at://nobody.test"],
    "cid": ["bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "not-a-cid"],
    "datetime": [
        "2024-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000+14:00",
        "2023-11-15T00:00:00.123456789-09:30",
    ],
    "language": ["en", "de-CH", "i-default"],
    "nsid": ["app.bsky.feed.post", "com.example.nothing"],
    "record-key": ["self", "3jzfcijpj2z2a"],
}


def _value_of(name: str) -> st.SearchStrategy[str]:
    return st.integers(0, 2**16).map(lambda number: _VALUES[name][number % len(_VALUES[name])])


for _format in _ODD:
    schemathesis.openapi.format(_format, _value_of(_format))
schemathesis.openapi.format("at-identifier", _value_of("did") | _value_of("handle"))


def test_nothing_that_is_asked_breaks_the_running_api(running: Running) -> None:
    answers: dict[int, int] = {}
    problems: dict[str, str] = {}
    for result in schemathesis.openapi.from_dict(_description()).get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        nsid = operation.path.removeprefix("/xrpc/")
        _ask(running, operation, nsid, answers, problems)
    assert not problems, "\n\n".join(f"{nsid}: {problem}" for nsid, problem in problems.items())
    assert answers[200] > 150
    counted: dict[str, int] = {}
    metrics = running.session.get(running.metrics_url).text
    assert re.search(r'indexer_api_lookups_total\{of="timelines",outcome="miss"\} [1-9]', metrics)
    for method, status, count in re.findall(
        r'indexer_api_requests_total{method="([^"]+)",status="(\d+)"} (\d+)', metrics
    ):
        if method != "other":
            counted[status] = counted.get(status, 0) + int(count)
    assert counted == {str(status): count for status, count in answers.items()}, "of both workers together"
    assert answers[400] > 50


def _ask(
    running: Running, operation: Any, nsid: str, answers: dict[int, int], problems: dict[str, str]
) -> None:
    cursors: list[str] = []
    viewers = [None, *running.keys, *running.keys, "operator"]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.query or operation.body:
        cases = cases | cases | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=12, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases, seed=st.integers(0, 2**32))
    def ask(case: Any, seed: int) -> None:
        choose = random.Random(seed)
        for name, values in (("q", _WORDS), ("cursor", cursors)):
            if seed % 4 and values and case.query.get(name):
                case.query[name] = choose.choice(values)
        headers = running.headers(choose.choice(viewers), nsid)
        response = case.call(base_url=running.url, headers=headers, session=running.session)
        try:
            case.validate_response(response, checks=_CHECKS)
        except FailureGroup as group:
            problems[nsid] = (
                "\n".join(str(failure) for failure in group.exceptions) + f" {case.query} {case.body}"
            )
        answers[response.status_code] = answers.get(response.status_code, 0) + 1
        if response.status_code == 200 and response.content:
            following = response.json().get("cursor")
            if following is not None:
                cursors.append(following)

    ask()
