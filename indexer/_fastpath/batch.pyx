# cython: boundscheck=False, wraparound=False, cdivision=True
"""The batch door: from a list of frames to Postgres COPY bodies and the few objects that Python has to look at.

    batch = decode(frames, ...)                 # any thread; the GIL is released for the whole list
    batch.unknown(accounts), accounts.put(...)  # ids and repository states of all accounts that the frames name
    batch.unknown_paths(accounts), accounts.put_path(...)
    batch.keys_needed(accounts), accounts.put_key(...), batch.verify(accounts)
    batch.gate(accounts)                        # what has been seen already, what does not connect
    batch.finish(accounts)
    batch.copy_edges(kind, wave), ...           # rows

Owns: the order of these steps and what each drops. Refuses to know: the database, the network, and what a record means beyond its row.
A frame that is no frame ends the batch: `batch.error` is set, and what came before it can be used.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

import time as clock

from indexer._fastpath.accounts cimport DESYNCHRONIZED
from indexer._fastpath.collections cimport BLOCK, LIKE, POST
from indexer._fastpath.copyrows cimport (
    RepositoryRow, WaveRows, actor_of, copy_deletes, copy_edges, copy_posts, copy_repositories, key_of,
)
from indexer._fastpath.frame cimport (
    ACTION_DELETE, FRAME_ACCOUNT, FRAME_COMMIT, FRAME_ERROR, FRAME_IDENTITY, FRAME_INFO, FRAME_SYNC,
)
from indexer._fastpath.gathering cimport (
    COUNT_ACCOUNTS, COUNT_COMMITS, COUNT_CREATES, COUNT_DELETES, COUNT_FRAMES, COUNT_IDENTITIES, COUNT_OUT_OF_SHARD, COUNT_SYNCS,
    COUNT_UPDATES, Frame, Options, Refused, ahead_of, gather_frame, prefetch_rest, shard_hash,
)
from indexer._fastpath.interning cimport Reference
from indexer._fastpath.reasons cimport HASH_MISMATCH, OUT_OF_MEMORY, frame_error
from indexer._fastpath.rows cimport (
    FUTURE_REV, HELD, KEY_UNKNOWN, OUT_OF_SHARD, RECORD_CBOR, RECORD_INVALID, RECORD_NOT_MAP, RECORD_TOO_LARGE, RECORD_TYPE,
    REFUSED_ACCOUNT, REPLAYED, SIGNATURE_INVALID, SUBJECT_CID, SUBJECT_DID, SUBJECT_HANDLE, SUBJECT_URI, UNKNOWN_KIND, Row,
)
from indexer._fastpath.stages cimport DELETED, GROUPS, OTHERS, Stages, text_of
from indexer._fastpath.tid cimport tid_from_int

from indexer._fastpath.events import AccountEvent, Drop, Identity, Notice, PostRelation, RecordOp, Sync
from indexer._fastpath.reasons import reason_text
from indexer.errors import ConfigError, InvariantBroken

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(PyObject *, Py_ssize_t)

cdef extern from "memory.h" nogil:
    void prefetch_line(const void *p)

cdef enum:
    AHEAD = 8  # frames
    PREFETCHED = 8192  # bytes of a frame

REFUSALS = {
    REPLAYED: "replayed",
    OUT_OF_SHARD: "out_of_shard",
    FUTURE_REV: "future_rev",
    HELD: "desynchronized",
    REFUSED_ACCOUNT: "refused_account",
    SIGNATURE_INVALID: "signature_invalid",
    KEY_UNKNOWN: "key_unknown",
    UNKNOWN_KIND: "unknown_collection",
    RECORD_CBOR: "record_cbor",
    RECORD_NOT_MAP: "record_not_map",
    RECORD_TYPE: "record_type",
    RECORD_INVALID: "record_invalid",
    RECORD_TOO_LARGE: "record_too_large",
    SUBJECT_HANDLE: "subject_handle",
    SUBJECT_URI: "subject_uri",
    SUBJECT_CID: "subject_cid",
    SUBJECT_DID: "subject_did",
}

# Codes of the byte core, by the first number of their group, as labels for counting.
CODE_GROUPS = ((-19, "commit_cbor"), (-29, "commit_cid"), (-39, "commit_car"), (-49, "commit_fields"), (-59, "commit_block"),
               (-79, "commit_inversion"), (-99, "commit_syntax"))
ACTIONS = ("", "create", "update", "delete")


def label_of(int status) -> str:
    """The label under which a drop is counted."""
    if status > 0:
        return REFUSALS[status]
    if status == HASH_MISMATCH:
        return "block_hash"
    for last, label in CODE_GROUPS:
        if status >= last:
            return label
    return "commit"


def shard_of(str did not None, int shards) -> int:
    """Which of `shards` processes an account belongs to; the same for ever and in every process."""
    cdef bytes text = did.encode()
    return shard_hash(<const uint8_t *> PyBytes_AS_STRING(text), <size_t> PyBytes_GET_SIZE(text)) % <uint64_t> shards


def decode(list frames not None, *, bint hashes=True, bint inversion=False, bint without_previous=False, bint keep_unknown=False,
           uint64_t shard=0, uint64_t shards=1, now=None):
    """Read a list of frames (bytes objects) into a Batch.

    hashes: every block of a commit must have the hash that its CID claims. inversion: created paths must lead to their records in the
    tree, and undoing the operations must give prevData; without_previous lets commits pass that lack prevData or prev.
    keep_unknown: records of collections that the index does not know are taken, unread, as kind 20 under their whole path. shard, shards:
    frames of other shards are passed over. now: milliseconds, against revs from the future. Errors: ConfigError for a shard that is
    not below `shards`; a broken frame raises nothing but ends the batch (`Batch.error`, `Batch.taken`).
    """
    cdef Batch batch = Batch.__new__(Batch)
    cdef Options options
    cdef Py_ssize_t count = len(frames)
    cdef Py_ssize_t i
    cdef const uint8_t **starts
    cdef size_t *sizes
    cdef size_t offset = 0
    cdef int code = 0
    if shard >= shards:
        raise ConfigError(f"shard: expected one below {shards}, got {shard}")
    if count >= 1 << 24:
        raise ValueError(f"expected fewer than 2^24 frames, got {count}")
    options.hashes = hashes
    options.inversion = inversion
    options.without_previous = without_previous
    options.keep_unknown = keep_unknown
    options.shard = shard
    options.shards = shards
    options.now = clock.time_ns() // 1_000_000 if now is None else now
    batch.frames = frames
    batch.g.waves = 1
    batch.g.frames = <Frame *> malloc((count + 1) * sizeof(Frame))
    batch.g.row_room = <uint32_t> count + 64
    batch.g.rows = <Row *> malloc(batch.g.row_room * sizeof(Row))
    starts = <const uint8_t **> malloc((count + 1) * sizeof(const uint8_t *))
    sizes = <size_t *> malloc((count + 1) * sizeof(size_t))
    try:
        if batch.g.frames == NULL or batch.g.rows == NULL or starts == NULL or sizes == NULL:
            raise MemoryError
        for i in range(count):
            if i + 4 * AHEAD < count:
                # The object's head, which holds its size: the list itself is near, what it points to is not.
                prefetch_line(PyList_GET_ITEM(<PyObject *> frames, i + 4 * AHEAD))
            frame = <bytes?> frames[i]
            starts[i] = <const uint8_t *> PyBytes_AS_STRING(frame)
            sizes[i] = <size_t> PyBytes_GET_SIZE(frame)
        with nogil:
            for i in range(count):
                if i + AHEAD < count:
                    ahead_of(&batch.g.ahead, starts[i + AHEAD], sizes[i + AHEAD], PREFETCHED)
                code = gather_frame(&batch.g, &options, starts[i], sizes[i], &offset)
                prefetch_rest(&batch.g.ahead)
                if code != 0:
                    break
    finally:
        free(starts)
        free(sizes)
    batch.taken = batch.g.frame_count
    if code == OUT_OF_MEMORY:
        raise MemoryError
    if code < 0:
        batch.error = frame_error(code, <Py_ssize_t> offset)
    return batch


cdef bint tells_of_account(const Frame *frame) noexcept nogil:
    """Whether an event of an account was taken."""
    return frame.status == 0 and frame.did != 0 and (
        frame.kind == FRAME_COMMIT or frame.kind == FRAME_SYNC or frame.kind == FRAME_IDENTITY or frame.kind == FRAME_ACCOUNT)


cdef class Batch(Stages):
    """The decoded frames of one batch; made by `decode`. Attributes besides the methods:

    frames: the list given; taken: how many of them are in the batch (fewer after an error, or where the batch is full: decode the
    rest anew); error: the FrameError of frames[taken], or None; generation: for AccountTable.committed.
    """

    cdef int need_finished(self) except -1:
        if not self.finished:
            raise InvariantBroken("a batch has rows only after finish()")
        return 0

    cdef WaveRows rows_of(self, int wave, int group) except *:
        cdef WaveRows out
        cdef uint32_t at
        self.need_finished()
        if not 0 <= wave < <int> self.g.waves:
            raise IndexError(f"wave: expected one below {self.g.waves}, got {wave}")
        out.rows = self.g.rows
        at = <uint32_t> (wave * GROUPS + group)
        out.order = self.order + self.starts[at]
        out.count = self.starts[at + 1] - self.starts[at]
        out.frames = self.g.frames
        out.dids = self.g.gathered.names.dids
        out.paths = self.g.gathered.names.paths
        return out

    @property
    def waves(self) -> int:
        """How many waves the rows have; one at least."""
        return self.g.waves

    def copy_edges(self, int kind, int wave) -> bytes:
        """The COPY body of stage_like (1), stage_repost (2), stage_follow (3) or stage_block (4)."""
        cdef WaveRows rows
        if not LIKE <= kind <= BLOCK:
            raise ValueError(f"kind: expected 1 to 4, got {kind}")
        rows = self.rows_of(wave, kind)
        return copy_edges(&rows)

    def copy_deletes(self, int wave) -> bytes:
        """The COPY body of stage_delete: deletes and updates of edges and posts."""
        cdef WaveRows rows = self.rows_of(wave, DELETED)
        return copy_deletes(&rows)

    def copy_posts(self, int wave, stored_forms=None) -> bytes:
        """The COPY body of stage_post. stored_forms: a list of records -> a list of the bytes to be stored instead."""
        cdef WaveRows rows = self.rows_of(wave, POST)
        return copy_posts(&rows, stored_forms)

    def copy_repos(self) -> bytes:
        """The COPY body of stage_repo: the last state that the batch gives each repository, and when its account's first
        event was."""
        cdef uint32_t i
        cdef uint32_t author
        cdef uint32_t count = 0
        cdef Frame *frame
        cdef uint32_t *last
        cdef uint32_t *first
        cdef RepositoryRow *repositories
        self.need_finished()
        last = <uint32_t *> calloc(self.g.author_count + 1, sizeof(uint32_t))
        first = <uint32_t *> calloc(self.g.author_count + 1, sizeof(uint32_t))
        repositories = <RepositoryRow *> malloc((self.g.author_count + 1) * sizeof(RepositoryRow))
        try:
            if last == NULL or first == NULL or repositories == NULL:
                raise MemoryError
            for i in range(self.g.frame_count):
                frame = &self.g.frames[i]
                if not tells_of_account(frame):
                    continue
                author = self.g.gathered.names.dids[frame.did - 1].author
                if not first[author]:
                    first[author] = i + 1
                if frame.kind == FRAME_COMMIT or frame.kind == FRAME_SYNC:
                    last[author] = i + 1
            for i in range(1, self.g.author_count + 1):
                if last[i]:
                    frame = &self.g.frames[last[i] - 1]
                    repositories[count].actor = self.g.gathered.names.dids[frame.did - 1].id
                    repositories[count].rev = frame.rev
                    repositories[count].data = frame.data
                    repositories[count].first_at = self.g.frames[first[i] - 1].time
                    count += 1
            return copy_repositories(repositories, count)
        finally:
            free(last)
            free(first)
            free(repositories)

    def post_relations(self, int wave) -> list[PostRelation]:
        """The posts of a wave that reply, quote or mention."""
        cdef WaveRows rows = self.rows_of(wave, POST)
        cdef const Row *row
        cdef uint32_t i
        cdef list out = []
        for i in range(rows.count):
            row = &rows.rows[rows.order[i]]
            if not (row.first.did or row.second.did or row.third.did or row.mentions):
                continue
            parent_key, parent_actor = name_of(&rows, &row.first)
            root_key, root_actor = name_of(&rows, &row.second)
            quote_key, quote_actor = name_of(&rows, &row.third)
            out.append(PostRelation(
                row.n, key_of(&rows, row.key), actor_of(&rows, row.did), parent_key, parent_actor, root_key, root_actor, quote_key,
                quote_actor, PyBytes_FromStringAndSize(<const char *> row.first_digest, 32) if row.has_first_digest else None,
                self.mentions_of(&rows, row),
            ))
        return out

    cdef tuple mentions_of(self, const WaveRows *rows, const Row *row):
        cdef uint32_t i
        return tuple([
            actor_of(rows, self.g.gathered.mentions[i]) for i in range(row.mentions_start, row.mentions_start + row.mentions)
        ])

    def record_ops(self, int wave) -> list[RecordOp]:
        """The operations of a wave on records of every other known collection, deletes included; deletes come first in a commit."""
        cdef WaveRows rows = self.rows_of(wave, OTHERS)
        cdef const Row *row
        cdef uint32_t i
        cdef list out = []
        for i in range(rows.count):
            row = &rows.rows[rows.order[i]]
            deleted = row.action == ACTION_DELETE
            out.append(RecordOp(
                row.n, ACTIONS[row.action], row.kind, actor_of(&rows, row.did), key_of(&rows, row.key),
                None if deleted else PyBytes_FromStringAndSize(<const char *> row.cid + 4, 32),
                None if deleted else PyBytes_FromStringAndSize(<const char *> row.record.p, <Py_ssize_t> row.record.n),
                rows.frames[row.frame].time, self.did_at(row.did), self.rkey_of(row),
            ))
        return out

    cdef str rkey_of(self, const Row *row):
        cdef uint8_t text[13]
        if row.key > 0:
            tid_from_int(row.key, text)
            return (<const char *> text)[:13].decode("ascii")
        return self.path_at(<uint32_t> (-row.key - 1)).partition("/")[2]

    # --- events and accounts of what happened ----------------------------------------------------------------------------

    @property
    def identities(self) -> list[Identity]:
        """The #identity events, in order."""
        cdef uint32_t i
        cdef Frame *frame
        cdef list out = []
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if frame.kind == FRAME_IDENTITY and frame.status == 0:
                out.append(Identity(
                    self.did_at(frame.did - 1), self.g.gathered.names.dids[frame.did - 1].id,
                    text_of(frame.text) if frame.text.p != NULL else None, frame.time, frame.seq))
        return out

    @property
    def account_events(self) -> list[AccountEvent]:
        """The #account events, in order."""
        cdef uint32_t i
        cdef Frame *frame
        cdef list out = []
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if frame.kind == FRAME_ACCOUNT and frame.status == 0:
                out.append(AccountEvent(
                    frame.n, self.g.gathered.names.dids[frame.did - 1].id, text_of(frame.text) if frame.text.p != NULL else None,
                    frame.active != 0, frame.time, self.did_at(frame.did - 1), frame.seq))
        return out

    @property
    def first_events(self) -> list[tuple[int, int]]:
        """(actor, time of its first event here, of any kind) of every account with an #identity or #account event."""
        cdef uint32_t i
        cdef Frame *frame
        cdef dict out = {}
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if tells_of_account(frame) and (frame.kind == FRAME_IDENTITY or frame.kind == FRAME_ACCOUNT):
                out[self.g.gathered.names.dids[frame.did - 1].id] = None
        if out:
            for i in range(self.g.frame_count):
                frame = &self.g.frames[i]
                if tells_of_account(frame):
                    actor = self.g.gathered.names.dids[frame.did - 1].id
                    if out.get(actor, 0) is None:
                        out[actor] = frame.time
        return list(out.items())

    @property
    def syncs(self) -> list[Sync]:
        """The #sync events that are not replays; those that do not connect are among `desynchronized` as well."""
        cdef uint32_t i
        cdef Frame *frame
        cdef list out = []
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if frame.kind == FRAME_SYNC and frame.status in (0, HELD):
                out.append(Sync(
                    self.did_at(frame.did - 1), self.g.gathered.names.dids[frame.did - 1].id, frame.rev,
                    PyBytes_FromStringAndSize(<const char *> frame.data, 32), frame.time, frame.seq))
        return out

    @property
    def notices(self) -> list[Notice]:
        """The #info and error frames, in order."""
        cdef uint32_t i
        cdef Frame *frame
        cdef list out = []
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if frame.kind == FRAME_INFO or frame.kind == FRAME_ERROR:
                out.append(Notice(text_of(frame.text), text_of(frame.message), frame.kind == FRAME_ERROR))
        return out

    @property
    def desynchronized(self) -> list[tuple[str, int]]:
        """(DID, actor) of every account with an event that does not connect to its state, each once."""
        cdef uint32_t i
        cdef Frame *frame
        cdef dict out = {}
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if frame.desynchronizes:
                out[self.did_at(frame.did - 1)] = self.g.gathered.names.dids[frame.did - 1].id
        return list(out.items())

    @property
    def repo_states(self) -> list[tuple[int, int]]:
        """(actor, state) of every repository whose state `gate` changed."""
        return [(actor, DESYNCHRONIZED) for _, actor in self.desynchronized]

    @property
    def held(self) -> list[tuple[str, bytes]]:
        """(DID, frame) of the #commit and #sync frames that `gate` held back."""
        cdef uint32_t i
        return [
            (self.did_at(self.g.frames[i].did - 1), self.frames[i])
            for i in range(self.g.frame_count)
            if self.g.frames[i].status == HELD
        ]

    @property
    def status(self) -> list[str]:
        """Per frame: "ok" or the label of what it was dropped for."""
        cdef uint32_t i
        return [
            "ok" if self.g.frames[i].status == 0 else label_of(self.g.frames[i].status) for i in range(self.g.frame_count)
        ]

    @property
    def drops(self) -> list[Drop]:
        """Everything that was refused, but for the frames of other shards: frames first, then operations of frames that stand."""
        cdef uint32_t i
        cdef Frame *frame
        cdef Refused *refused
        cdef list out = []
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if frame.status != 0 and frame.status != OUT_OF_SHARD:
                detail = f"seq {frame.seq}" if frame.status > 0 else f"seq {frame.seq}: {reason_text(frame.status)}"
                out.append(self.drop_of(label_of(frame.status), frame, detail))
        for i in range(self.g.refused_count):
            refused = &self.g.refused[i]
            frame = &self.g.frames[refused.frame]
            if frame.status == 0:
                detail = text_of(refused.path)
                if refused.detail.p != NULL:
                    detail = f"{detail}: {text_of(refused.detail)}"
                label = REFUSALS[refused.reason] if refused.reason > 0 else "bad_path"
                out.append(self.drop_of(label, frame, detail))
        return out

    cdef object drop_of(self, str label, const Frame *frame, str detail):
        if not frame.did:
            return Drop(label, None, 0, detail[:300], frame.time)
        return Drop(
            label, self.did_at(frame.did - 1), self.g.gathered.names.dids[frame.did - 1].id, detail[:300], frame.time)

    @property
    def counts(self) -> dict[str, int]:
        """What the stream held: frames, commits and their operations, other events; frames of other shards only as such."""
        return {
            "frames": self.g.counts[COUNT_FRAMES],
            "commits": self.g.counts[COUNT_COMMITS],
            "creates": self.g.counts[COUNT_CREATES],
            "updates": self.g.counts[COUNT_UPDATES],
            "deletes": self.g.counts[COUNT_DELETES],
            "identities": self.g.counts[COUNT_IDENTITIES],
            "accounts": self.g.counts[COUNT_ACCOUNTS],
            "syncs": self.g.counts[COUNT_SYNCS],
            "out_of_shard": self.g.counts[COUNT_OUT_OF_SHARD],
        }

    @property
    def last_seq(self) -> int:
        """The highest sequence number of the batch, 0 if it has none."""
        cdef uint32_t i
        cdef int64_t out = 0
        for i in range(self.g.frame_count):
            if self.g.frames[i].seq > out:
                out = self.g.frames[i].seq
        return out

    @property
    def last_time(self) -> int:
        """The time of the last event that has one, in milliseconds; 0 if none has."""
        cdef uint32_t i
        for i in range(self.g.frame_count, 0, -1):
            if self.g.frames[i - 1].time:
                return self.g.frames[i - 1].time
        return 0


cdef tuple name_of(const WaveRows *rows, const Reference *to):
    if not to.did:
        return None, None
    return key_of(rows, to.key), actor_of(rows, to.did - 1)
