"""The settings: one frozen, typed object, and how it comes from defaults, a file, the environment and the
command line.

Each source overrides the one before. Unknown names and bad values are refused with what was expected, what
came and from where. This module reads the settings file and the environment and nothing else; what a setting
does is the business of the package that takes it. `indexer config` prints what this module found.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from indexer.errors import ConfigError

PREFIX = "INDEXER_"
_NOT_SETTINGS = frozenset({"CONFIG", "SHARED", "DEBUG", "SANITIZE", "COVERAGE", "WERROR", "ONLY"})
"""INDEXER_* variables that are no settings: the file's name, the tests' vectors, switches of the build."""


@dataclass(frozen=True)
class Option:
    """What people are told about a setting. `expected` completes "expected …"; `check` says whether a value
    is one.
    """

    group: str
    help: str
    unit: str = ""
    expected: str = ""
    check: Callable[[Any], bool] | None = None
    secret: bool = False


def default_state_dir() -> str:
    """Return the usual place: /var/lib/indexer for root, else ~/.local/state/indexer (or below
    XDG_STATE_HOME).
    """
    if os.geteuid() == 0:
        return "/var/lib/indexer"
    return str(Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "indexer")


def _is_url(*schemes: str) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.netloc or parts.path)

    return check


def _all(check: Callable[[str], bool]) -> Callable[[tuple[str, ...]], bool]:
    return lambda values: all(check(value) for value in values)


def _is_shard(value: str) -> bool:
    match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", value)
    return match is not None and int(match[1]) < int(match[2])


def _is_upstream(value: str) -> bool:
    return re.fullmatch(r"((wss?|https?)://)?[^\s:/]+(:\d+)?(/\S*)?", value) is not None


def _is_did(value: str) -> bool:
    return re.fullmatch(r"did:[a-z]+:[A-Za-z0-9._:%-]+", value) is not None


def _is_assignment(value: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_.]*=.*", value) is not None


_POSTGRES = Option(
    "servers",
    "Postgres (15 or newer) to use; unset starts the embedded one",
    expected="a URL such as postgresql://user:password@host/database",
    check=_is_url("postgresql", "postgres"),
    secret=True,
)
_REDIS = Option(
    "servers",
    "Redis (7 or newer) or Valkey to use as cache; unset starts the embedded one",
    expected="a URL such as redis://host:6379/0, rediss://… or unix:///path",
    check=_is_url("redis", "rediss", "unix"),
    secret=True,
)
_HTTP = "a URL such as https://host"
_is_http = _is_url("http", "https")

Positive = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(ge=0)]
_PORT = "a port (0 to 65535)"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, checked. `load` makes one from its sources; `Settings()` is the defaults (for tests)."""

    # --- servers ---
    postgres_url: Annotated[str | None, _POSTGRES] = None
    redis_url: Annotated[str | None, _REDIS] = None
    state_dir: Annotated[
        str, Option("servers", "directory of the embedded servers' data; one daemon at a time uses it")
    ] = msgspec.field(default_factory=default_state_dir)
    postgres_connections: Annotated[
        Positive, Option("servers", "most connections to Postgres that one process opens", "connections")
    ] = 10
    embedded_postgres_options: Annotated[
        tuple[str, ...],
        Option(
            "servers",
            "settings of the embedded Postgres that override the tuned ones",
            expected="a list of name=value, such as shared_buffers=2GB",
            check=_all(_is_assignment),
        ),
    ] = ()
    embedded_postgres_memory: Annotated[
        Annotated[int, Meta(ge=0)],
        Option("servers", "memory that the embedded Postgres is tuned for; 0 is the machine's", "MB"),
    ] = 0
    embedded_redis_memory: Annotated[
        Annotated[int, Meta(ge=0)],
        Option(
            "servers", "most memory for the embedded Valkey's data; 0 is an eighth of the machine's", "MB"
        ),
    ] = 0

    # --- ingest ---
    upstreams: Annotated[
        tuple[str, ...],
        Option(
            "ingest",
            "relays or PDSes whose firehoses are followed, each with its own cursor",
            expected="a list of hosts or URLs such as wss://bsky.network",
            check=_all(_is_upstream),
        ),
    ] = ("wss://bsky.network",)
    start_at: Annotated[
        Literal["oldest", "live"],
        Option(
            "ingest",
            "where an upstream that was never followed is begun: at the oldest event that it has, or now",
        ),
    ] = "oldest"
    verify: Annotated[
        Literal["full", "hashes"],
        Option("ingest", "what is verified of a commit: block hashes, or also signatures and MST proofs"),
    ] = "full"
    shard: Annotated[
        str,
        Option(
            "ingest",
            "part i of n of all repositories, by the hash of the DID, that this process indexes",
            expected="i/n with i < n, such as 0/4",
            check=_is_shard,
        ),
    ] = "0/1"
    batch_events: Annotated[
        Positive, Option("ingest", "a batch is written when it holds so many", "events")
    ] = 24_000
    batch_bytes: Annotated[
        Positive, Option("ingest", "a batch is written when it holds so much", "bytes")
    ] = 48 * 2**20
    batch_seconds: Annotated[
        Annotated[float, Meta(gt=0, le=60)],
        Option(
            "ingest",
            "a batch is begun after this time at the latest, or when fewer than two are under way",
            "s",
        ),
    ] = 0.1
    followed_labelers: Annotated[
        tuple[str, ...],
        Option(
            "ingest",
            "labelers whose labels are kept for those who ask for them, besides those in labelers",
            expected="a list of DIDs",
            check=_all(_is_did),
        ),
    ] = ()
    search_enabled: Annotated[
        bool,
        Option(
            "ingest", "keep words of posts and names of accounts to search in; without, searches find nothing"
        ),
    ] = True
    keep_unknown_collections: Annotated[
        bool,
        Option(
            "ingest",
            "keep records of collections that the index does not know, as they are (in table record)",
        ),
    ] = False
    verify_threads: Annotated[
        Annotated[int, Meta(ge=0)],
        Option("ingest", "threads that decode and verify; 0 is one per core", "threads"),
    ] = 0
    firehose_watchdog_seconds: Annotated[
        Seconds,
        Option("ingest", "a connection without data for so long is made anew; 0 is never (a quiet PDS)", "s"),
    ] = 60.0
    fast_websocket: Annotated[
        bool, Option("ingest", "deframe data messages in compiled code instead of in trio-websocket")
    ] = True

    # --- identity ---
    plc_url: Annotated[
        str, Option("identity", "PLC directory that resolves did:plc", expected=_HTTP, check=_is_http)
    ] = "https://plc.directory"
    handle_resolver_url: Annotated[
        str | None,
        Option(
            "identity",
            "server asked for every handle (/.well-known/atproto-did with the handle as Host); "
            "unset asks DNS and the handle's own host",
            expected=_HTTP,
            check=_is_http,
        ),
    ] = None

    allow_private_hosts: Annotated[
        bool,
        Option(
            "identity",
            "did:web hosts, PDSes and handles may lie in private networks (for test networks only)",
        ),
    ] = False

    # --- api ---
    api_host: Annotated[str, Option("api", "address that the API listens on")] = "127.0.0.1"
    api_port: Annotated[
        Port, Option("api", "port that the API listens on; 0 is any free one", expected=_PORT)
    ] = 3000
    api_workers: Annotated[
        Annotated[int, Meta(ge=0)], Option("api", "API processes; 0 is one per core", "processes")
    ] = 0
    public_url: Annotated[
        str | None,
        Option(
            "api",
            "the API's address as others see it; unset is api_host and port",
            expected=_HTTP,
            check=_is_http,
        ),
    ] = None
    service_did: Annotated[
        str | None,
        Option(
            "api",
            "our DID, which service tokens must name; unset is did:web of public_url",
            expected="a DID such as did:web:example.com",
            check=_is_did,
        ),
    ] = None
    image_cdn_url: Annotated[
        str,
        Option(
            "api",
            "pattern of image URLs",
            expected="a URL with {preset}, {did} and {cid}",
            check=lambda value: all(name in value for name in ("{preset}", "{did}", "{cid}")),
        ),
    ] = "https://cdn.bsky.app/img/{preset}/plain/{did}/{cid}"
    video_cdn_url: Annotated[
        str,
        Option(
            "api",
            "pattern of the directory of a video's playlist.m3u8 and thumbnail.jpg",
            expected="a URL with {did} and {cid}",
            check=lambda value: all(name in value for name in ("{did}", "{cid}")),
        ),
    ] = "https://video.bsky.app/watch/{did}/{cid}"
    trusted_verifiers: Annotated[
        tuple[str, ...],
        Option(
            "api",
            "accounts whose verification records are shown as verified",
            expected="a list of DIDs",
            check=_all(_is_did),
        ),
    ] = ()
    labelers: Annotated[
        tuple[str, ...],
        Option(
            "api",
            "labelers whose labels apply to requests that choose none",
            expected="a list of DIDs",
            check=_all(_is_did),
        ),
    ] = ()
    admin_password: Annotated[
        str | None,
        Option("api", "password of the admin endpoints, which are closed while it is unset", secret=True),
    ] = None
    cache_enabled: Annotated[
        bool,
        Option(
            "api", "keep and read timelines and counts in Redis; answers are the same without, only slower"
        ),
    ] = True

    # --- operations ---
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Option("operations", "least severe log lines that are printed"),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "console"],
        Option("operations", "form of log lines; auto is console on a terminal, else json"),
    ] = "auto"
    metrics_host: Annotated[
        str, Option("operations", "address of the ingest process' metrics and health")
    ] = "127.0.0.1"
    metrics_port: Annotated[
        Port,
        Option(
            "operations",
            "port of the ingest process' dashboard, metrics and health; 0 is any free one",
            expected=_PORT,
        ),
    ] = 3001

    api_metrics_port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)] | None,
        Option(
            "operations",
            "port at metrics_host of the metrics of all API processes together; unset serves none",
            expected="a port (1 to 65535)",
        ),
    ] = None

    @property
    def shard_index(self) -> int:
        """The i of `shard` i/n."""
        return int(self.shard.split("/")[0])

    @property
    def shard_count(self) -> int:
        """The n of `shard` i/n."""
        return int(self.shard.split("/")[1])

    @property
    def effective_public_url(self) -> str:
        """`public_url`, or the address that the API listens on, without a slash at the end."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        host = "localhost" if self.api_host in ("127.0.0.1", "0.0.0.0", "::1", "::") else self.api_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.api_port}"

    @property
    def effective_service_did(self) -> str:
        """`service_did`, or did:web of the public address (the port's colon is escaped, did:web
        specification).
        """
        return self.service_did or "did:web:" + quote(urlsplit(self.effective_public_url).netloc, safe=".-")

    @property
    def moderator(self) -> str | None:
        """The DID in whose name our operator takes records down: ours, if there is an operator."""
        return self.effective_service_did if self.admin_password is not None else None


class SettingInfo(msgspec.Struct, frozen=True):
    """One setting's name, type, default and description."""

    name: str
    type: Any
    default: Any
    option: Option

    @property
    def variable(self) -> str:
        """The environment variable's name."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The command-line option's name."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_bool(self) -> bool:
        """Whether the setting is a switch."""
        return self.type is bool

    @property
    def is_list(self) -> bool:
        """Whether the setting is a list, written with commas where the source has only text."""
        return bool(self.type == tuple[str, ...])


@cache
def settings_info() -> dict[str, SettingInfo]:
    """Return every setting by name, in the order in which people are told about them."""
    hints = get_type_hints(Settings, include_extras=True)
    infos = {}
    for field in msgspec.structs.fields(Settings):
        outer = hints[field.name]
        option = next(item for item in outer.__metadata__ if isinstance(item, Option))
        others = tuple(item for item in outer.__metadata__ if item is not option)
        bare = Annotated[(outer.__origin__, *others)] if others else outer.__origin__
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        infos[field.name] = SettingInfo(field.name, bare, default, option)
    return infos


@dataclass(frozen=True)
class Loaded:
    """Settings and, by name, where each value came from: `default`, a file's path, a variable, an option."""

    settings: Settings
    sources: Mapping[str, str]


def load(
    options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: str | Path | None = None,
) -> Loaded:
    """Return the settings from defaults < file < environment < command-line options.

    `options` holds text or ready values by setting name; `environment` defaults to the process' own, `file`
    to what INDEXER_CONFIG names. Raises ConfigError.
    """
    environment = os.environ if environment is None else environment
    file = file or environment.get(PREFIX + "CONFIG") or None
    values: dict[str, Any] = {}
    sources = dict.fromkeys(settings_info(), "default")
    for name, value, source in [
        *(_from_file(Path(file)) if file else []),
        *_from_environment(environment),
        *((name, value, f"option {_known(name, 'option').flag}") for name, value in (options or {}).items()),
    ]:
        values[name] = _converted(settings_info()[name], value, source)
        sources[name] = source
    return Loaded(Settings(**values), sources)


def to_environment(settings: Settings) -> dict[str, str]:
    """Return the INDEXER_* variables from which `load` makes these settings again (for child processes)."""
    return {
        info.variable: to_text(getattr(settings, name))
        for name, info in settings_info().items()
        if getattr(settings, name) != info.default
    }


def to_text(value: Any) -> str:
    """Return a value as it is written in a variable or an option; unset is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def masked(info: SettingInfo, value: Any) -> Any:
    """Return the value as it may be shown: of a secret URL all but the password, of another secret nothing."""
    if not info.option.secret or value is None:
        return value
    parts = urlsplit(value)
    if not parts.scheme or "password=" in parts.query:
        return "***"
    if parts.password is None:
        return value
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.split(':')[0]}:***@{host}").geturl()


def _from_file(path: Path) -> list[tuple[str, Any, str]]:
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"expected a readable settings file, got {error.strerror} - from {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected settings as TOML, got an error: {error} - from {path}") from None
    return [(_known(name, str(path)).name, value, str(path)) for name, value in content.items()]


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    return [
        (_known(variable.removeprefix(PREFIX).lower(), variable).name, value, variable)
        for variable, value in sorted(environment.items())
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX) not in _NOT_SETTINGS
    ]


def _known(name: str, source: str) -> SettingInfo:
    infos = settings_info()
    if name in infos:
        return infos[name]
    close = difflib.get_close_matches(name, infos, 1)
    hint = f", did you mean {close[0]}?" if close else "; `indexer config` lists them all"
    raise ConfigError(f"expected the name of a setting, got {name}{hint} - from {source}")


def _converted(info: SettingInfo, value: Any, source: str) -> Any:
    """Return a raw value as the setting's type. Raises ConfigError."""
    if value == "" and type(None) in getattr(info.type, "__args__", ()):
        return None
    if info.is_list and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    came_as_text = isinstance(value, str)
    try:
        converted = msgspec.convert(value, info.type, strict=not came_as_text)
    except msgspec.ValidationError as error:
        # msgspec says "Expected `int` >= 1, got `str`" or "Expected `int` >= 1": we say what came ourselves.
        said = str(error).split(" - at ")[0].split(", got ")[0].removeprefix("Expected ")
        for name, meaning in (
            ("`int`", "a whole number"),
            ("`float`", "a number"),
            ("`bool`", "true or false"),
        ):
            said = said.replace(name, meaning)
        expected = info.option.expected or said
        raise _refusal(info, value, source, _allowed(info) or expected) from None
    if info.option.check is not None and not info.option.check(converted):
        raise _refusal(info, value, source, info.option.expected)
    return converted


def _allowed(info: SettingInfo) -> str:
    choices = getattr(info.type, "__args__", ()) if getattr(info.type, "__origin__", None) is Literal else ()
    return "one of " + ", ".join(choices) if choices else ""


def _refusal(info: SettingInfo, value: Any, source: str, expected: str) -> ConfigError:
    got = "a value that is not one" if info.option.secret else repr(value)
    return ConfigError(f"{info.name}: expected {expected}, got {got} - from {source}")
