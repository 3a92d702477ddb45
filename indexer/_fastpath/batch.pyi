from typing import NamedTuple

from indexer._fastpath.accounts import AccountTable
from indexer.errors import FrameError

class Identity(NamedTuple):
    did: str
    actor: int
    handle: str | None
    time: int
    seq: int

class AccountEvent(NamedTuple):
    n: int
    actor: int
    status: str | None
    active: bool
    time: int
    did: str
    seq: int

class Sync(NamedTuple):
    did: str
    actor: int
    rev: int
    data: bytes
    time: int
    seq: int

class Notice(NamedTuple):
    name: str
    message: str
    is_error: bool

class Drop(NamedTuple):
    reason: str
    did: str | None
    actor: int
    detail: str

class PostRelation(NamedTuple):
    n: int
    key: int
    actor: int
    parent_key: int | None
    parent_actor: int | None
    root_key: int | None
    root_actor: int | None
    quote_key: int | None
    quote_actor: int | None
    quote_cid: bytes | None
    mentions: tuple[int, ...]

class RecordOp(NamedTuple):
    n: int
    action: str
    kind: int
    actor: int
    key: int
    cid: bytes | None
    record: bytes | None
    indexed_at: int
    did: str
    rkey: str

def label_of(status: int) -> str: ...
def shard_of(did: str, shards: int) -> int: ...
def decode(
    frames: list[bytes],
    *,
    hashes: bool = True,
    inversion: bool = False,
    without_previous: bool = False,
    shard: int = 0,
    shards: int = 1,
    now: int | None = None,
) -> Batch: ...

class Batch:
    frames: list[bytes]
    generation: int
    error: FrameError | None
    taken: int
    def unknown(self, accounts: AccountTable) -> list[str]: ...
    def unknown_paths(self, accounts: AccountTable) -> list[str]: ...
    def keys_needed(self, accounts: AccountTable) -> list[str]: ...
    def verify(self, accounts: AccountTable, threads: int = 1) -> list[str]: ...
    def gate(self, accounts: AccountTable, *, strict: bool = False) -> None: ...
    def rollback(self, accounts: AccountTable) -> None: ...
    def finish(self, accounts: AccountTable) -> None: ...
    def copy_edges(self, kind: int, wave: int) -> bytes: ...
    def copy_deletes(self, wave: int) -> bytes: ...
    def copy_posts(self, wave: int) -> bytes: ...
    def copy_repos(self) -> bytes: ...
    def post_relations(self, wave: int) -> list[PostRelation]: ...
    def record_ops(self, wave: int) -> list[RecordOp]: ...
    @property
    def waves(self) -> int: ...
    @property
    def identities(self) -> list[Identity]: ...
    @property
    def account_events(self) -> list[AccountEvent]: ...
    @property
    def syncs(self) -> list[Sync]: ...
    @property
    def notices(self) -> list[Notice]: ...
    @property
    def desynchronized(self) -> list[tuple[str, int]]: ...
    @property
    def repo_states(self) -> list[tuple[int, int]]: ...
    @property
    def held(self) -> list[tuple[str, bytes]]: ...
    @property
    def status(self) -> list[str]: ...
    @property
    def drops(self) -> list[Drop]: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def last_time(self) -> int: ...
