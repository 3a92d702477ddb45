# cython: boundscheck=False, wraparound=False, cdivision=True
"""The pass over one frame without the GIL: what it is, whether it proves what it says, and the rows of its operations.

Owns: which faults end the stream (broken framing or CBOR: the code is returned), which cost a commit (`Frame.status`) and which one
operation (`Refused`); the order of operations inside a commit (deletions first); waves. Refuses to know accounts, keys and ids.

A wave is a stretch of the batch inside which all deletions may run before all creations. Per account and collection, the deletion or
update of a record that the batch itself created or updated opens the next wave; the deletion of an account opens one for all its
collections. So does the update of an edge behind the deletion or update of another one of its collection: it may have waited for
that one, and has its place then, which it keeps. (That an earlier creation waited for a later deletion of the same subject is for the
writer to see, by `n`.)
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset

from indexer._fastpath.arena cimport arena_free, arena_reset
from indexer._fastpath.car cimport Block, read_car_header
from indexer._fastpath.cbor cimport is_text, read_bool, read_bytes, read_int, read_key, read_map, read_text
from indexer._fastpath.cid cimport DAG_CBOR
from indexer._fastpath.collections cimport ANY_OTHER, BLOCK, POST, UNKNOWN_COLLECTION
from indexer._fastpath.edges cimport parse_edge
from indexer._fastpath.frame cimport (
    ACTION_CREATE, ACTION_DELETE, ACTION_UPDATE, FRAME_ACCOUNT, FRAME_COMMIT, FRAME_ERROR, FRAME_IDENTITY, FRAME_INFO, FRAME_SYNC,
    FRAME_UNKNOWN, CommitFrame, Op, read_commit_body, read_frame_header,
)
from indexer._fastpath.interning cimport intern_did, intern_key, names_free
from indexer._fastpath.posts cimport parse_other, parse_post
from indexer._fastpath.proof cimport PROVE_HASHES, PROVE_TREE, Proof, check_commit
from indexer._fastpath.reasons cimport (
    BAD_DATETIME, BAD_PATH, BAD_SYNTAX, BAD_TID, FIELD_MISSING, OK, OP_DUPLICATE, OUT_OF_MEMORY, PREV_DATA_MISSING, PREV_MISSING, TRAILING_BYTES,
)
from indexer._fastpath.rows cimport (
    FUTURE_REV, MAX_WAVES, OUT_OF_SHARD, RECORD_CBOR, RECORD_TOO_LARGE, UNKNOWN_KIND, WAVE_SHIFT, Row,
)
from indexer._fastpath.span cimport Slice, Span, span_of, span_of_slice
from indexer._fastpath.syntax cimport datetime_ms
from indexer._fastpath.text cimport text_datetime24_near
from indexer._fastpath.tid cimport tid_to_int
from indexer._fastpath.tolerant cimport skip
from indexer._fastpath.usual cimport USUAL_TIME

cdef extern from "memory.h" nogil:
    void clear_start(void *p, size_t n)
    void *with_more_room(void *items, uint32_t *room, uint32_t first, size_t size)

cdef enum:
    FUTURE_MILLISECONDS = 300000  # how far a rev may lie ahead of our clock (sync specification)
    MAX_RECORD = 1000000
    MAX_STEPS = 2000000


cdef uint64_t shard_hash(const uint8_t *did, size_t n) noexcept nogil:
    """FNV-1a in 64 bits with a final mix: stable for ever, since several processes have to agree on it."""
    cdef uint64_t h = <uint64_t> 0xCBF29CE484222325
    cdef size_t i
    for i in range(n):
        h = (h ^ did[i]) * <uint64_t> 0x100000001B3
    h ^= h >> 33
    h *= <uint64_t> 0xFF51AFD7ED558CCD
    return h ^ (h >> 33)


cdef void gathering_free(Gathering *g) noexcept nogil:
    names_free(&g.gathered.names)
    free(g.gathered.mentions)
    free(g.frames)
    free(g.rows)
    free(g.refused)
    free(g.authors)
    arena_free(&g.arena)
    memset(g, 0, sizeof(Gathering))


cdef int refuse(Gathering *g, int reason, Slice path, Slice detail) noexcept nogil:
    cdef Refused *larger
    if g.refused_count == g.refused_room:
        larger = <Refused *> with_more_room(g.refused, &g.refused_room, 64, sizeof(Refused))
        if larger == NULL:
            return OUT_OF_MEMORY
        g.refused = larger
    g.refused[g.refused_count].frame = g.frame_count
    g.refused[g.refused_count].reason = reason
    g.refused[g.refused_count].path = path
    g.refused[g.refused_count].detail = detail
    g.refused_count += 1
    return OK


cdef Author *new_author(Gathering *g, uint32_t did) noexcept nogil:
    cdef Author *larger
    if g.author_count == g.author_room:
        larger = <Author *> with_more_room(g.authors, &g.author_room, 256, sizeof(Author))
        if larger == NULL:
            return NULL
        g.authors = larger
    memset(&g.authors[g.author_count], 0, sizeof(Author))
    g.author_count += 1
    g.gathered.names.dids[did].author = g.author_count
    return &g.authors[g.author_count - 1]


cdef inline Author *author_of(Gathering *g, uint32_t did) noexcept nogil:
    """The waves of an account (a number of Names); NULL where memory has run out."""
    cdef uint32_t number = g.gathered.names.dids[did].author
    return &g.authors[number - 1] if number else new_author(g, did)


cdef int check_whole(const uint8_t *start, const uint8_t *end, const uint8_t **at) noexcept nogil:
    """Whether a body that was refused for what it says is at least one well-formed value."""
    cdef Span s
    cdef int code
    s.p = start
    s.end = end
    code = skip(&s, NULL)
    at[0] = s.p
    if code == OK and s.p != s.end:
        return TRAILING_BYTES
    return code


cdef int read_identification(Gathering *g, Span s, Frame *frame) noexcept nogil:
    """`seq` and `repo` or `did` of a well-formed body that was refused, as far as they are there: so that its drop has a name."""
    cdef uint64_t pairs, i
    cdef uint32_t number
    cdef int64_t seq
    cdef Slice key, did
    cdef const uint8_t *value
    if read_map(&s, &pairs) < 0:
        return OK
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        if read_key(&s, &key) < 0:
            return OK
        value = s.p
        if is_text(key, b"seq", 3) and read_int(&s, &seq) == OK:
            if 0 < seq < <int64_t> 1 << 53:
                frame.seq = seq
        elif (is_text(key, b"repo", 4) or is_text(key, b"did", 3)) and read_text(&s, &did) == OK:
            if intern_did(&g.gathered.names, did, &number) == OK:
                frame.did = number + 1
        s.p = value
        if skip(&s, NULL) < 0:
            return OK
    return OK


cdef int refuse_body(Gathering *g, Frame *frame, int code, const uint8_t *body, const uint8_t *end,
                     const uint8_t **at) noexcept nogil:
    """A body that does not say what it must: the stream's end if it is not CBOR, else the loss of this frame."""
    cdef Span s
    cdef int broken
    if code == OUT_OF_MEMORY:
        return code
    broken = check_whole(body, end, at)
    if broken < 0:
        return broken
    frame.status = code
    s.p = body
    s.end = end
    return read_identification(g, s, frame)


# --- proof ----------------------------------------------------------------------------------------------------------

cdef inline int prove(Gathering *g, const Options *options, Frame *frame, const CommitFrame *commit, Proof *proof) noexcept nogil:
    """What the operator wants proven about a commit, apart from its signature; 0 or the code of what is wrong."""
    cdef const uint8_t *at
    cdef int wanted = (PROVE_HASHES if options.hashes else 0) | (PROVE_TREE if options.inversion else 0)
    cdef int code = check_commit(commit, &g.arena, wanted, proof, &at)
    if code == PREV_DATA_MISSING or code == PREV_MISSING:
        code = OK if options.without_previous else code
    if code == OK:
        frame.commit = proof.commit.whole
        memcpy(frame.data, proof.commit.data + 4, 32)
        if options.hashes:
            frame.has_signature = True
            memcpy(frame.signed_digest, proof.signed_digest, 32)
            memcpy(frame.signature, proof.commit.signature, 64)
    return code


cdef int prove_sync(Gathering *g, const Options *options, Frame *frame, Slice blocks, Slice did, Slice rev) noexcept nogil:
    """The same for a #sync: its CAR's root is a commit of that account and rev."""
    cdef Span s = span_of_slice(blocks)
    cdef CommitFrame commit
    cdef Options only_hashes = options[0]
    cdef Proof proof
    cdef int code
    memset(&commit, 0, sizeof(commit))
    only_hashes.inversion = False
    commit.repo = did
    commit.rev = rev
    commit.blocks = blocks
    code = read_car_header(&s, &commit.commit)
    return code if code < 0 else prove(g, &only_hashes, frame, &commit, &proof)


cdef bint paths_repeat(const CommitFrame *commit) noexcept nogil:
    cdef uint32_t i, j
    cdef const Op *a
    cdef const Op *b
    for i in range(1, commit.op_count):
        a = &commit.ops[i]
        for j in range(i):
            b = &commit.ops[j]
            if a.path.n == b.path.n and a.path.p[a.path.n - 1] == b.path.p[b.path.n - 1] \
                    and memcmp(a.path.p, b.path.p, a.path.n) == 0:
                return True
    return False


# --- operations -----------------------------------------------------------------------------------------------------

cdef const Row *earlier_row(Gathering *g, const Author *author, const Row *row) noexcept nogil:
    """The account's last row about the record of `row`, or NULL."""
    cdef uint32_t number = author.last_row
    cdef const Row *other
    while number:
        g.steps += 1
        other = &g.rows[number - 1]
        if other.key == row.key and other.kind == row.kind:
            return other
        number = other.previous
    return NULL


cdef inline int place_row(Gathering *g, Author *author, Row *row) noexcept nogil:
    """Give the new row its wave; BATCH_IS_FULL if there is no number for it, or if one account has so many rows that finding its
    earlier ones would take long."""
    cdef const Row *before
    cdef uint8_t wave = author.waves[row.kind] if author.waves[row.kind] > author.base else author.base
    if row.action != ACTION_CREATE:
        before = earlier_row(g, author, row)
        if before != NULL and before.action != ACTION_DELETE and before.n >> WAVE_SHIFT == wave or (
                row.action == ACTION_UPDATE and row.kind <= BLOCK and author.removed[row.kind] == wave + 1):
            if wave >= MAX_WAVES:
                return BATCH_IS_FULL
            wave += 1
        if g.steps > MAX_STEPS:
            return BATCH_IS_FULL
        if row.kind <= BLOCK:
            author.removed[row.kind] = wave + 1
    author.waves[row.kind] = wave
    if wave > author.latest:
        author.latest = wave
    if wave >= g.waves:
        g.waves = <uint32_t> wave + 1
    if row.action != ACTION_DELETE:
        author.created = True
    row.n = (<uint32_t> wave << WAVE_SHIFT) | (g.ordinal - 1)
    row.previous = author.last_row
    g.row_count += 1
    author.last_row = g.row_count
    return OK


cdef int gather_op(
    Gathering *g, const Options *options, const Op *op, const Block *block, Author *author, Frame *frame
) noexcept nogil:
    """The row of one operation, or the note that it was refused. `block` is its record's."""
    cdef Row *row
    cdef Row *larger
    cdef Slice detail
    cdef int code
    cdef int kind = op.code
    detail.p = NULL
    detail.n = 0
    g.ordinal += 1
    if kind == UNKNOWN_COLLECTION:
        if op.collection.p == NULL:
            return refuse(g, BAD_PATH, op.path, detail)
        if not options.keep_unknown:
            return refuse(g, UNKNOWN_KIND, op.path, detail)
        kind = ANY_OTHER
    if g.row_count == g.row_room:
        larger = <Row *> with_more_room(g.rows, &g.row_room, 64, sizeof(Row))
        if larger == NULL:
            return OUT_OF_MEMORY
        g.rows = larger
    row = &g.rows[g.row_count]
    clear_start(row, <size_t> (<uint8_t *> row.first_digest - <uint8_t *> row))
    row.frame = g.frame_count
    row.did = frame.did - 1
    row.action = op.action
    row.kind = <uint8_t> kind
    row.cid = op.cid
    if op.action != ACTION_DELETE:
        row.record.p = block.data
        row.record.n = block.length
        if block.length > MAX_RECORD:
            return refuse(g, RECORD_TOO_LARGE, op.path, detail)
        if op.cid[1] != DAG_CBOR:
            return refuse(g, RECORD_CBOR, op.path, detail)
        if kind <= BLOCK:
            code = parse_edge(&g.gathered, row, &detail)
        elif kind == POST:
            code = parse_post(&g.gathered, row, &detail)
        elif kind == ANY_OTHER:
            code = OK
        else:
            code = parse_other(&g.gathered.names, row, &detail)
        if code == OUT_OF_MEMORY:
            return code
        if code != OK:
            if code < 0:
                code = RECORD_CBOR
            return refuse(g, code, op.path, detail)
    if op.tid > 0 and kind == op.code:
        row.key = op.tid
    else:
        code = intern_key(&g.gathered.names, kind, op.code, op.collection, op.rkey, &row.key)
        if code == BAD_SYNTAX:
            return refuse(g, BAD_PATH, op.path, detail)
        if code < 0:
            return code
    return place_row(g, author, row)


cdef int gather_ops(
    Gathering *g, const Options *options, const CommitFrame *commit, const Proof *proof, Author *author, Frame *frame
) noexcept nogil:
    """All of a commit's operations, deletions first."""
    cdef bint mixed = False
    cdef uint32_t i
    cdef int code, turn
    for i in range(1, commit.op_count):
        if (commit.ops[i].action == ACTION_DELETE) != (commit.ops[0].action == ACTION_DELETE):
            mixed = True
    for turn in range(2 if mixed else 1):
        for i in range(commit.op_count):
            if not mixed or (commit.ops[i].action == ACTION_DELETE) == (turn == 0):
                code = gather_op(g, options, &commit.ops[i], proof.records[i], author, frame)
                if code != OK:
                    return code
    return OK


cdef int gather_commit(Gathering *g, const Options *options, Span *s, Frame *frame) noexcept nogil:
    """A #commit; what is given is a code below zero (the stream's end), BATCH_IS_FULL, or 0."""
    cdef const uint8_t *body = s.p
    cdef CommitFrame commit
    cdef Proof proof
    cdef Author *author
    cdef uint32_t number, i, refused
    cdef bint exact
    cdef int code
    arena_reset(&g.arena)
    code = read_commit_body(s, &g.arena, &commit)
    prefetch_part(&g.ahead)
    if code < 0:
        return refuse_body(g, frame, code, body, s.end, &s.p)
    frame.seq = commit.seq
    if options.shards > 1 and shard_hash(commit.repo.p, commit.repo.n) % options.shards != options.shard:
        frame.status = OUT_OF_SHARD
        g.counts[COUNT_OUT_OF_SHARD] += 1
        return OK
    code = intern_did(&g.gathered.names, commit.repo, &number)
    if code < 0:
        frame.status = code
        return code if code == OUT_OF_MEMORY else OK
    frame.did = number + 1
    author = author_of(g, number)
    if author == NULL:
        return OUT_OF_MEMORY
    if commit.prev_data != NULL:
        frame.has_prev_data = True
        memcpy(frame.prev_data, commit.prev_data + 4, 32)
    if tid_to_int(commit.rev, &frame.rev) < 0 or frame.rev == 0:
        frame.status = BAD_TID
    elif commit.since.p != NULL and tid_to_int(commit.since, &frame.since) < 0:
        frame.status = BAD_TID
    elif (frame.rev >> 10) // 1000 > options.now + FUTURE_MILLISECONDS:
        frame.status = FUTURE_REV
    elif (commit.time.n != USUAL_TIME or not text_datetime24_near(commit.time.p, &frame.time, &g.gathered.day)) \
            and datetime_ms(commit.time, &frame.time, &exact) < 0:
        frame.status = BAD_DATETIME
    elif commit.op_count > 1 and paths_repeat(&commit):
        frame.status = OP_DUPLICATE
    else:
        frame.status = prove(g, options, frame, &commit, &proof)
    if frame.status == OUT_OF_MEMORY:
        return OUT_OF_MEMORY
    prefetch_part(&g.ahead)
    if frame.status == OK:
        frame.first_row = g.row_count
        if g.ordinal + commit.op_count >= 1 << WAVE_SHIFT:
            return BATCH_IS_FULL
        refused = g.refused_count
        code = gather_ops(g, options, &commit, &proof, author, frame)
        if code == BATCH_IS_FULL:
            # The frame is the next batch's: nothing of it stays here.
            g.row_count = frame.first_row
            g.refused_count = refused
        if code != OK:
            return code
        frame.rows = g.row_count - frame.first_row
    g.counts[COUNT_COMMITS] += 1
    for i in range(commit.op_count):
        g.counts[COUNT_CREATES + commit.ops[i].action - ACTION_CREATE] += 1
    return OK


# --- the other messages -----------------------------------------------------------------------------------------------

cdef int end_account(Gathering *g, Frame *frame) noexcept nogil:
    """Give an account event its place: the deletion of an account runs before what follows it and after what went before."""
    cdef Author *author = author_of(g, frame.did - 1)
    if author == NULL:
        return OUT_OF_MEMORY
    if not frame.active and is_text(frame.text, b"deleted", 7):
        if author.created:
            if author.latest >= MAX_WAVES:
                return BATCH_IS_FULL
            author.latest += 1
            author.created = False
            if author.latest >= g.waves:
                g.waves = <uint32_t> author.latest + 1
        author.base = author.latest
    frame.n = (<uint32_t> author.latest << WAVE_SHIFT) | g.ordinal
    g.ordinal += 1
    return OK


cdef int gather_event(Gathering *g, const Options *options, Span *s, Frame *frame) noexcept nogil:
    """A #sync, #identity, #account, #info or error."""
    cdef const uint8_t *body = s.p
    cdef uint64_t pairs, i
    cdef uint32_t number
    cdef Slice key, did, time, rev, blocks
    cdef bint exact, has_active
    cdef int code
    code = read_map(s, &pairs)
    if code < 0:
        return refuse_body(g, frame, code, body, s.end, &s.p)
    key.p = NULL
    key.n = 0
    did.p = NULL
    did.n = 0
    time.p = NULL
    time.n = 0
    rev.p = NULL
    rev.n = 0
    blocks.p = NULL
    blocks.n = 0
    has_active = False
    for i in range(pairs):
        code = read_key(s, &key)
        if code < 0:
            break
        if is_text(key, b"seq", 3):
            code = read_int(s, &frame.seq)
        elif is_text(key, b"did", 3):
            code = read_text(s, &did)
        elif is_text(key, b"time", 4):
            code = read_text(s, &time)
        elif is_text(key, b"rev", 3):
            code = read_text(s, &rev)
        elif is_text(key, b"blocks", 6):
            code = read_bytes(s, &blocks)
        elif is_text(key, b"active", 6):
            code = read_bool(s, &frame.active)
            has_active = True
        elif is_text(key, b"handle", 6) or is_text(key, b"status", 6) or is_text(key, b"name", 4) or is_text(key, b"error", 5):
            code = read_text(s, &frame.text)
        elif is_text(key, b"message", 7):
            code = read_text(s, &frame.message)
        else:
            code = skip(s, NULL)
        if code < 0:
            break
    if code == OK and s.p != s.end:
        code = TRAILING_BYTES
    if code < 0:
        frame.seq = 0
        return refuse_body(g, frame, code, body, s.end, &s.p)
    if frame.kind == FRAME_INFO or frame.kind == FRAME_ERROR:
        return OK
    if did.p == NULL or time.p == NULL or frame.seq <= 0 or frame.seq >> 53 \
            or (frame.kind == FRAME_ACCOUNT and not has_active) \
            or (frame.kind == FRAME_SYNC and (rev.p == NULL or blocks.p == NULL)):
        frame.status = FIELD_MISSING
        if frame.seq < 0 or frame.seq >> 53:
            frame.seq = 0
        return OK
    if options.shards > 1 and shard_hash(did.p, did.n) % options.shards != options.shard:
        frame.status = OUT_OF_SHARD
        g.counts[COUNT_OUT_OF_SHARD] += 1
        return OK
    code = intern_did(&g.gathered.names, did, &number)
    if code < 0:
        frame.status = code
        return code if code == OUT_OF_MEMORY else OK
    frame.did = number + 1
    if datetime_ms(time, &frame.time, &exact) < 0:
        frame.status = BAD_DATETIME
    elif frame.kind == FRAME_ACCOUNT:
        code = end_account(g, frame)
        if code == OK:
            g.counts[COUNT_ACCOUNTS] += 1
        return code
    elif frame.kind == FRAME_IDENTITY:
        g.counts[COUNT_IDENTITIES] += 1
    else:
        g.counts[COUNT_SYNCS] += 1
        arena_reset(&g.arena)
        if author_of(g, number) == NULL:
            return OUT_OF_MEMORY
        if tid_to_int(rev, &frame.rev) < 0 or frame.rev == 0:
            frame.status = BAD_TID
        elif (frame.rev >> 10) // 1000 > options.now + FUTURE_MILLISECONDS:
            frame.status = FUTURE_REV
        else:
            frame.status = prove_sync(g, options, frame, blocks, did, rev)
            if frame.status == OUT_OF_MEMORY:
                return OUT_OF_MEMORY
    return OK


cdef int gather_frame(Gathering *g, const Options *options, const uint8_t *p, size_t n, size_t *offset) noexcept nogil:
    """Add one frame; the caller has made room in `g.frames`.

    Gives 0, BATCH_IS_FULL (the frame is not part of the batch), or a code below zero: the frame is no frame, `offset` is where.
    """
    cdef Span s = span_of(p, n)
    cdef Frame *frame = &g.frames[g.frame_count]
    cdef int kind
    cdef int code
    prefetch_part(&g.ahead)
    clear_start(frame, <size_t> (<uint8_t *> frame.data - <uint8_t *> frame))
    code = read_frame_header(&s, &kind)
    if code == OK:
        frame.kind = <uint8_t> kind
        if kind == FRAME_COMMIT:
            code = gather_commit(g, options, &s, frame)
        elif kind == FRAME_UNKNOWN:
            code = check_whole(s.p, s.end, &s.p)
        else:
            code = gather_event(g, options, &s, frame)
    if code != OK:
        offset[0] = <size_t> (s.p - p)
        return code
    g.counts[COUNT_FRAMES] += 1
    g.frame_count += 1
    return OK
