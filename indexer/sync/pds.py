"""Questions to PDSes and relays: com.atproto.sync.{getRepo, getLatestCommit, getRepoStatus, listRepos}.

Owns: what the answers mean, how big they may be, and each host's pause after failures and rate limits. A
paused host is not waited for: the asker is told when to come back. Knows nothing of what is done with a
repository.
"""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import anyio
import orjson

from indexer.errors import HostUnavailable, UpstreamError
from indexer.sync.fetch import AnswerTooLarge, Fetcher, FetchError

MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_HOSTS = 10_000
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 600.0
PER_HOST = 4
"""Requests at once to one host."""

GONE = frozenset(("RepoNotFound", "RepoDeactivated", "RepoTakendown", "RepoSuspended"))
"""Errors by which a host says that it does not (now) give out a repository."""


class RepositoryUnavailable(UpstreamError):
    """The host answers that it does not give out this repository; `reason` is one of GONE."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AnswerRefused(UpstreamError):
    """A host's answer is not what the method's lexicon says, or too big."""


class LatestCommit(NamedTuple):
    """Answer of getLatestCommit: the commit's CID and rev as text."""

    cid: str
    rev: str


class RepositoryStatus(NamedTuple):
    """Answer of getRepoStatus, and of one entry of listRepos."""

    did: str
    active: bool
    status: str | None
    rev: str | None


class Page(NamedTuple):
    """A page of listRepos; `cursor` is None on the last one."""

    repositories: list[RepositoryStatus]
    cursor: str | None


@dataclass(slots=True)
class _Host:
    limit: anyio.Semaphore
    failures: int = 0
    paused_until: float = 0.0


class PdsClient:
    """Asks hosts through a Fetcher. `clock`: seconds that never go back."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        max_repository_bytes: int = 128 * 2**20,
        small_repository_bytes: int = 8 * 2**20,
        timeout: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_repository_bytes`: a bigger export is refused. `small_repository_bytes`: one export at a time
        may be bigger than this, so that many downloads at once stay within memory. `timeout`: seconds for
        a small answer, and of silence in a download.
        """
        self._fetcher = fetcher
        self._max_repository = max_repository_bytes
        self._small_repository = small_repository_bytes
        self._timeout = timeout
        self._clock = clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._big_one = anyio.Semaphore(1)

    def seconds_until(self, until: float) -> float:
        """Seconds from now to an instant of this client's clock, such as HostUnavailable.until."""
        return max(0.0, until - self._clock())

    async def repository(self, pds: str, did: str) -> bytes:
        """The CAR of a whole repository, as sent: not yet checked, not even for completeness.

        Raises HostUnavailable, RepositoryUnavailable or AnswerRefused.
        """
        url = f"{pds}/xrpc/com.atproto.sync.getRepo?did={quote(did, safe=':')}"
        async with self._turn(pds):
            body = bytearray()
            held = False
            try:
                async with self._fetcher.stream(url, timeout=self._timeout) as (status, headers, chunks):
                    limit = self._max_repository if status == 200 else MAX_ANSWER_BYTES
                    async for chunk in chunks:
                        if len(body) + len(chunk) > limit:
                            raise AnswerRefused(f"expected at most {limit} bytes from {url}, got more")
                        body += chunk
                        if not held and len(body) > self._small_repository:
                            await self._big_one.acquire()
                            held = True
            finally:
                if held:
                    self._big_one.release()
            if status != 200:
                self._refuse(pds, url, status, headers, bytes(body))
            return bytes(body)

    async def latest_commit(self, pds: str, did: str) -> LatestCommit:
        """The head of a repository. Raises as `repository` does."""
        answer = await self._ask(pds, f"com.atproto.sync.getLatestCommit?did={quote(did, safe=':')}")
        cid, rev = answer.get("cid"), answer.get("rev")
        if not isinstance(cid, str) or not isinstance(rev, str):
            raise AnswerRefused(f"expected cid and rev of {did} from {pds}, got {str(answer)[:200]}")
        return LatestCommit(cid, rev)

    async def repository_status(self, pds: str, did: str) -> RepositoryStatus:
        """Whether the host considers an account active. Raises as `repository` does."""
        answer = await self._ask(pds, f"com.atproto.sync.getRepoStatus?did={quote(did, safe=':')}")
        found = _status(answer)
        if found is None or found.did != did:
            raise AnswerRefused(f"expected the status of {did} from {pds}, got {str(answer)[:200]}")
        return found

    async def list_repositories(self, host: str, cursor: str | None, limit: int = 1000) -> Page:
        """One page of all repositories of a PDS or relay. Raises HostUnavailable or AnswerRefused."""
        after = f"&cursor={quote(cursor, safe='')}" if cursor is not None else ""
        answer = await self._ask(host, f"com.atproto.sync.listRepos?limit={limit}{after}")
        listed, following = answer.get("repos"), answer.get("cursor")
        if not isinstance(listed, list) or not (following is None or isinstance(following, str)):
            raise AnswerRefused(f"expected repos from {host}, got {str(answer)[:200]}")
        found = [_status(entry) for entry in listed if isinstance(entry, dict)]
        return Page([entry for entry in found if entry is not None], following or None)

    async def _ask(self, host: str, question: str) -> Mapping[str, object]:
        url = f"{host}/xrpc/{question}"
        async with self._turn(host):
            answer = await self._fetcher.get(url, max_bytes=MAX_ANSWER_BYTES, timeout=self._timeout)
            if answer.status != 200:
                self._refuse(host, url, answer.status, answer.headers, answer.body)
        try:
            body = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise AnswerRefused(f"expected JSON from {url}, got {answer.body[:80]!r}") from error
        if not isinstance(body, dict):
            raise AnswerRefused(f"expected an object from {url}, got {answer.body[:80]!r}")
        return body

    def _refuse(self, host: str, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raise what an answer other than 200 means."""
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            parsed = None
        error = parsed.get("error") if isinstance(parsed, dict) else None
        if status == 429 or status >= 500:
            seconds = _retry_after(headers)
            raise HostUnavailable(
                f"expected an answer from {url}, got status {status}",
                self._clock() + (self._next_pause(host) if seconds is None else seconds),
            )
        if isinstance(error, str) and error in GONE:
            raise RepositoryUnavailable(f"{url}: {error}", error)
        if status == 404 or (status == 400 and isinstance(error, str) and "NotFound" in error):
            raise RepositoryUnavailable(f"{url}: status {status} {error}", "RepoNotFound")
        raise AnswerRefused(f"expected an answer from {url}, got status {status} {error or ''}")

    @asynccontextmanager
    async def _turn(self, url: str) -> AsyncIterator[None]:
        """One of the host's few places; raises HostUnavailable at once while the host is paused."""
        name = urlsplit(url).netloc
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(anyio.Semaphore(PER_HOST))
            if len(self._hosts) > MAX_HOSTS:
                self._hosts.popitem(last=False)
        self._hosts.move_to_end(name)
        self._check_pause(name, host)
        async with host.limit:
            self._check_pause(name, host)
            try:
                yield
            except HostUnavailable as error:
                host.failures += 1
                host.paused_until = max(host.paused_until, error.until)
                raise
            except AnswerTooLarge as error:
                raise AnswerRefused(str(error)) from error
            except FetchError as error:
                pause = self._next_pause(url)
                host.failures += 1
                host.paused_until = max(host.paused_until, self._clock() + pause)
                raise HostUnavailable(str(error), host.paused_until, reached=False) from error
            else:
                host.failures = 0

    def _check_pause(self, name: str, host: _Host) -> None:
        if self._clock() < host.paused_until:
            raise HostUnavailable(f"{name} is left alone after {host.failures} failures", host.paused_until)

    def _next_pause(self, url: str) -> float:
        host = self._hosts.get(urlsplit(url).netloc)
        failures = 0 if host is None else min(host.failures, 16)
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**failures) * random.uniform(0.75, 1.25)


def _status(entry: Mapping[str, object]) -> RepositoryStatus | None:
    did, active, status, rev = (entry.get(name) for name in ("did", "active", "status", "rev"))
    if not isinstance(did, str):
        return None
    return RepositoryStatus(
        did,
        active is not False,
        status if isinstance(status, str) else None,
        rev if isinstance(rev, str) else None,
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, at most LONGEST_PAUSE; dates are taken as no answer."""
    text = headers.get("retry-after", "").strip()
    return min(float(text), LONGEST_PAUSE) if text.isascii() and text.isdigit() else None
