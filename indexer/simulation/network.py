"""A simulated network: a seed in, a firehose out.

Owns the repositories of a population and turns what `traffic` decides into frames. No sockets and no files
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .clock import DEFAULT_START_US, EventClock
from .events import account_frame, identity_frame, sync_frame
from .identity import DEFAULT_PDS, Identity
from .population import Population
from .repo import Repo
from .traffic import Act, Traffic

EVENT_RATE = 350
"""Events a second on the real network, and by default in simulated time."""


UNSEEN_HISTORY_US = 24 * 3600 * 1_000_000
"""A repository whose first commit is not in the stream began so long before its first event."""


class Network:
    """The accounts, their repositories and their stream; the same seed and calls give the same bytes.

    `worker` of `workers` builds the frames of its share of the accounts only (`frames` then skips the others'
    events). `keep_records` holds the records' bytes, so that repositories can be exported. `records_limit`
    bounds a repository's size, and with it the size of the frames' proofs. `now` gives the events the
    instants of a clock; without it they are 1 / 350 s apart from `start_us` on.
    """

    def __init__(
        self,
        seed: int = 0,
        accounts: int = 1000,
        *,
        start_us: int = DEFAULT_START_US,
        now: Callable[[], int] | None = None,
        pds_url: str = DEFAULT_PDS,
        keep_records: bool = True,
        records_limit: int | None = None,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        self.population = Population(seed, accounts, pds_url)
        self.clock = EventClock(start_us, 1_000_000 // EVENT_RATE, now=now)
        self.repos: dict[int, Repo] = {}
        self.keep_records = keep_records
        self.worker, self.workers = worker, workers
        self.traffic = Traffic(self.population, self.owns, records_limit)

    def owns(self, number: int) -> bool:
        """Whether this process builds the account's frames."""
        return number % self.workers == self.worker

    def identity(self, number: int) -> Identity:
        """An account's names and key."""
        return self.population.identity(number)

    def status(self, number: int) -> str:
        """`active`, or why the account is not."""
        return self.traffic.inactive.get(number, "active")

    def frames(self, count: int) -> Iterator[bytes]:
        """The frames of the next `count` events."""
        for _ in range(count):
            frame = self.next_frame()
            if frame is not None:
                yield frame

    def next_frame(self) -> bytes | None:
        """The next event's frame; None if another worker builds it."""
        seq, instant = self.clock.tick()
        return self._frame(self.traffic.next_act(instant), seq, instant)

    def opening(self, follows: int = 15, posts: int = 4) -> Iterator[bytes]:
        """How the accounts came to be: identity, account and first commit of each, profiles, follows, some posts."""
        steps = [
            ("identity", 1),
            ("account", 1),
            ("commit", 1),
            ("profile", 1),
            ("follow", follows),
            ("post", posts),
        ]
        for name in [name for name, times in steps for _ in range(times)]:
            for number in range(len(self.population)):
                seq, instant = self.clock.tick()
                frame = self._frame(self.traffic.opening_act(name, number, instant), seq, instant)
                if frame is not None:
                    yield frame

    def _frame(self, act: Act, seq: int, instant: int) -> bytes | None:
        number = act.actor
        if not self.owns(number):
            return None
        if act.kind == "commit":
            repo = self.repo(number)
            if repo.rev is None and act.writes:
                repo.begin_empty(instant - UNSEEN_HISTORY_US)
            return repo.apply(act.writes, seq, instant)
        did = self.population.did(number)
        if act.kind == "identity":
            return identity_frame(seq, did, instant, self.population.handle(number))
        if act.kind == "account":
            active = act.status == "active"
            return account_frame(seq, did, instant, active, None if active else act.status)
        repo = self.repo(number)
        return sync_frame(seq, did, instant, repo.rev or "", repo.commit_car())

    def repo(self, number: int) -> Repo:
        """An account's repository."""
        repo = self.repos.get(number)
        if repo is None:
            identity = self.population.identity(number)
            repo = Repo(self.population.did(number), identity.signing_key, number & 1023, self.keep_records)
            self.repos[number] = repo
        return repo
