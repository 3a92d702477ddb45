"""Addresses of upstreams: what operators write, and what is refused with what was expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import ConfigError
from indexer.firehose import parse_upstream

PATH = "/xrpc/com.atproto.sync.subscribeRepos"


@pytest.mark.parametrize(
    ("text", "key", "path"),
    [
        ("bsky.network", "wss://bsky.network", PATH),
        (" BSKY.Network ", "wss://bsky.network", PATH),
        ("https://bsky.network/", "wss://bsky.network", PATH),
        ("wss://bsky.network:443", "wss://bsky.network", PATH),
        ("wss://relay.example:8443", "wss://relay.example:8443", PATH),
        ("relay.example:2470", "wss://relay.example:2470", PATH),
        ("ws://localhost:2583", "ws://localhost:2583", PATH),
        ("http://localhost:80", "ws://localhost", PATH),
        ("ws://[::1]:2583", "ws://[::1]:2583", PATH),
        ("127.0.0.1:2583", "wss://127.0.0.1:2583", PATH),
        ("wss://relay.example/some/stream", "wss://relay.example", "/some/stream"),
        (f"wss://bsky.network{PATH}", "wss://bsky.network", PATH),
        ("bücher.example", "wss://xn--bcher-kva.example", PATH),
    ],
)
def test_takes_what_operators_write(text: str, key: str, path: str) -> None:
    upstream = parse_upstream(text)
    assert upstream.key == key
    assert upstream.subscribe_url(None) == key + path
    assert upstream.subscribe_url(0) == f"{key}{path}?cursor=0"
    assert upstream.subscribe_url(31527015322) == f"{key}{path}?cursor=31527015322"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a host such as"),
        ("   ", "expected a host such as"),
        ("two words", "expected a host such as"),
        ("ftp://relay.example", "scheme 'ftp' is not one of ws, wss, http, https"),
        ("wss://", "no host"),
        ("wss://:443", "no host"),
        ("relay.example:port", "expected a host such as"),
        ("relay.example:70000", "expected a host such as"),
        ("relay.example:0", "port 0"),
        ("wss://user:secret@relay.example", "user name or password"),
        ("wss://relay.example?cursor=5", "query or fragment"),
        ("wss://relay.example#x", "query or fragment"),
        ("wss://re lay.example", "expected a host such as"),
        ("wss://relay!.example", "not a host name"),
        ("wss://[::1", "expected a host such as"),
        ("a" * 64 + ".example", "not a host name"),
    ],
)
def test_refuses_the_rest_by_name(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_upstream(text)
    assert words in str(caught.value)
    assert repr(text) in str(caught.value)


@given(st.text(max_size=60))
def test_a_key_reads_back_as_itself(text: str) -> None:
    try:
        upstream = parse_upstream(text)
    except ConfigError:
        return
    assert parse_upstream(upstream.key).key == upstream.key
    assert parse_upstream(upstream.subscribe_url(None)) == upstream
