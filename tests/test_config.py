"""Settings: every source, every refusal, and what `indexer config` shows of them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import config
from indexer.cli import configuration
from indexer.config import Settings, load, settings_info, to_environment, to_text
from indexer.errors import ConfigError

SAMPLES: dict[str, list[Any]] = {
    "postgres_url": [None, "postgresql://user:secret@host:5432/db"],
    "redis_url": [None, "unix://:secret@/run/valkey.sock", "redis://host/1"],
    "upstreams": [(), ("wss://one",), ("ws://one:1", "https://two")],
    "embedded_postgres_options": [(), ("shared_buffers=1GB", "work_mem=4MB")],
    "shard": ["0/1", "3/8"],
    "handle_resolver_url": [None, "http://localhost:1"],
    "public_url": [None, "https://example.com"],
    "service_did": [None, "did:web:example.com"],
    "trusted_verifiers": [(), ("did:plc:a", "did:web:b.c")],
    "admin_password": [None, "secret"],
    "verify": ["full", "hashes"],
    "cache_enabled": [True, False],
    "batch_seconds": [0.05, 2.5],
    "api_port": [0, 8080],
}


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    return Settings(**{name: draw(st.sampled_from(values)) for name, values in SAMPLES.items()})


@given(settings())
def test_settings_survive_the_way_through_variables(some: Settings) -> None:
    assert load(environment=to_environment(some)).settings == some


@given(settings())
def test_what_config_prints_is_a_settings_file(some: Settings) -> None:
    without_secrets = config.Loaded(some, dict.fromkeys(settings_info(), "default"))
    printed = tomllib.loads(configuration.as_table(without_secrets))
    for name, info in settings_info().items():
        value = getattr(some, name)
        if value is None:
            assert name not in printed
        elif not info.option.secret:
            assert printed[name] == (list(value) if isinstance(value, tuple) else value)


def test_each_source_overrides_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('batch_events = 1\nbatch_bytes = 1\napi_port = 1\nupstreams = ["ws://file"]\n')
    environment = {
        "INDEXER_CONFIG": str(file),
        "INDEXER_BATCH_BYTES": "2",
        "INDEXER_API_PORT": "2",
        "HOME": "/",
    }
    loaded = load({"api_port": "3"}, environment)
    given_values = loaded.settings
    assert (given_values.batch_events, given_values.batch_bytes, given_values.api_port) == (1, 2, 3)
    assert given_values.upstreams == ("ws://file",)
    assert loaded.sources["batch_events"] == str(file)
    assert loaded.sources["batch_bytes"] == "INDEXER_BATCH_BYTES"
    assert loaded.sources["api_port"] == "option --api-port"
    assert loaded.sources["plc_url"] == "default"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "batch_events",
            "lots",
            r"batch_events: expected a whole number, got 'lots' - from INDEXER_BATCH_EVENTS",
        ),
        ("batch_events", "0", r"expected a whole number >= 1, got '0'"),
        ("batch_seconds", "-1", r"expected a number > 0.0, got '-1'"),
        ("api_port", "70000", r"expected a port \(0 to 65535\), got '70000'"),
        ("verify", "some", r"expected one of full, hashes, got 'some'"),
        ("shard", "4/4", r"expected i/n with i < n, such as 0/4, got '4/4'"),
        ("cache_enabled", "maybe", r"expected true or false, got 'maybe'"),
        (
            "upstreams",
            "ftp://relay",
            r"expected a list of hosts or URLs such as wss://bsky.network, got \['ftp://relay'\]",
        ),
        ("service_did", "example.com", r"expected a DID such as did:web:example.com, got 'example.com'"),
        ("image_cdn_url", "https://cdn", r"expected a URL with \{preset\}, \{did\} and \{cid\}"),
        ("embedded_postgres_options", "shared_buffers", r"expected a list of name=value"),
        ("upstream", "ws://x", r"expected the name of a setting, got upstream, did you mean upstreams\?"),
        ("colour", "red", r"expected the name of a setting, got colour; `indexer config` lists them all"),
    ],
)
def test_refusals_name_what_was_expected_what_came_and_from_where(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(environment={f"INDEXER_{name.upper()}": value})


def test_a_refused_secret_is_not_told() -> None:
    with pytest.raises(ConfigError) as caught:
        load(environment={"INDEXER_POSTGRES_URL": "mysql://user:geheim@host"})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"batch_events = 'ten'", r"batch_events: expected a whole number, got 'ten' - from .*settings.toml"),
        (b"batch_events = 1.5", r"expected a whole number, got 1.5"),
        (b"upstreams = 'ws://x'\nupstream = 1", r"got upstream, did you mean upstreams"),
        (b"batch_events = ", r"expected settings as TOML, got an error: .* - from .*settings.toml"),
        (b"\xff", r"expected settings as TOML"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load(environment={}, file=file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable settings file, got No such file or directory"):
        load(environment={}, file=tmp_path / "none.toml")


def test_an_empty_variable_unsets_an_optional_setting(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('service_did = "did:web:a"')
    assert load(environment={"INDEXER_SERVICE_DID": ""}, file=file).settings.service_did is None


@given(settings())
def test_no_printed_form_shows_a_secret(some: Settings) -> None:
    loaded = config.Loaded(some, dict.fromkeys(settings_info(), "default"))
    assert "secret" not in configuration.as_table(loaded)
    as_json = configuration.as_json(loaded)
    assert "secret" not in as_json
    assert json.loads(as_json)["batch_seconds"] == {"value": some.batch_seconds, "source": "default"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:pw@host:1/db", "postgresql://user:***@host:1/db"),
        ("postgresql://host/db?user=u&password=pw", "***"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("unix://:pw@/run/valkey.sock", "unix://:***@/run/valkey.sock"),
    ],
)
def test_of_a_secret_url_only_the_password_is_hidden(url: str, shown: str) -> None:
    assert config.masked(settings_info()["postgres_url"], url) == shown


def test_addresses_that_follow_from_others() -> None:
    assert Settings().effective_service_did == "did:web:localhost%3A3000"
    assert Settings(public_url="https://example.com/").effective_public_url == "https://example.com"
    assert Settings(public_url="https://example.com/").effective_service_did == "did:web:example.com"
    assert Settings(api_host="::1", api_port=1).effective_public_url == "http://localhost:1"
    assert Settings(api_host="fd00::1", api_port=1).effective_public_url == "http://[fd00::1]:1"
    assert (Settings(shard="3/8").shard_index, Settings(shard="3/8").shard_count) == (3, 8)


def test_every_default_is_a_value_that_would_be_accepted() -> None:
    for info in settings_info().values():
        assert load({info.name: to_text(info.default)}, {}).settings == Settings()


def test_the_documentation_of_the_settings_is_current() -> None:
    page = Path(__file__).parent.parent / "docs" / "CONFIGURATION.md"
    assert page.read_text() == configuration.as_markdown(), (
        "run: indexer config --markdown > docs/CONFIGURATION.md"
    )
