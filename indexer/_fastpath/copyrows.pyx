# cython: boundscheck=False, wraparound=False
"""The bodies of binary COPY (PostgreSQL documentation, COPY, "Binary Format"): per row a 16-bit count of columns, per column a 32-bit
length (-1: null) and the value in network order.

Owns: the order of the staging tables' columns (docs/ARCHITECTURE.md). Bodies have no header and no trailer, so that they can be joined:
`COPY_HEADER + body + body + COPY_TRAILER` is what the server takes.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcpy

from indexer._fastpath.collections cimport BLOCK, FOLLOW, LIKE, REPOST
from indexer._fastpath.frame cimport ACTION_UPDATE
from indexer._fastpath.interning cimport Reference
from indexer._fastpath.rows cimport Row


cdef extern from "bigendian.h" nogil:
    uint8_t *put16(uint8_t *p, uint16_t v)
    uint8_t *put32(uint8_t *p, uint32_t v)
    uint8_t *put64(uint8_t *p, uint64_t v)


cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t)
    char *PyBytes_AS_STRING(PyObject *)
    int _PyBytes_Resize(PyObject **, Py_ssize_t)

COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"

cdef enum:
    ROW_MOST = 256  # every row without its bytes of free length
    SHORT_RUN = 8


# A row's place among those about the same subject.
cdef struct Place:
    int64_t subject_key
    int64_t subject_actor
    int64_t actor
    uint32_t n
    uint32_t row


cdef inline uint8_t *null(uint8_t *p) noexcept nogil:
    return put32(p, 0xFFFFFFFF)


cdef inline uint8_t *int8(uint8_t *p, int64_t v) noexcept nogil:
    return put64(put32(p, 8), <uint64_t> v)


cdef inline uint8_t *int4(uint8_t *p, uint32_t v) noexcept nogil:
    return put32(put32(p, 4), v)


cdef inline uint8_t *int2(uint8_t *p, uint16_t v) noexcept nogil:
    return put16(put32(p, 2), v)


cdef inline uint8_t *boolean(uint8_t *p, bint v) noexcept nogil:
    p = put32(p, 1)
    p[0] = 1 if v else 0
    return p + 1


cdef inline uint8_t *bytea(uint8_t *p, const uint8_t *data, size_t n) noexcept nogil:
    p = put32(p, <uint32_t> n)
    memcpy(p, data, n)
    return p + n


cdef inline uint8_t *digest_or_null(uint8_t *p, const uint8_t *digest, bint there) noexcept nogil:
    return bytea(p, digest, 32) if there else null(p)


cdef inline uint8_t *reference(uint8_t *p, const WaveRows *wave, const Reference *to) noexcept nogil:
    """Two columns: key and actor, or two nulls."""
    if not to.did:
        return null(null(p))
    return int8(int8(p, key_of(wave, to.key)), actor_of(wave, to.did - 1))


cdef inline bint same_pair(const Place *a, const Place *b) noexcept nogil:
    return a.subject_key == b.subject_key and a.subject_actor == b.subject_actor and a.actor == b.actor


cdef inline bint precedes(const Place *a, const Place *b) noexcept nogil:
    if a.subject_key != b.subject_key:
        return a.subject_key < b.subject_key
    if a.subject_actor != b.subject_actor:
        return a.subject_actor < b.subject_actor
    return a.actor < b.actor if a.actor != b.actor else a.n < b.n


cdef void sort_run(Place *places, uint32_t count) noexcept nogil:
    """By insertion: for a few."""
    cdef uint32_t i, at
    cdef Place moved
    for i in range(1, count):
        moved = places[i]
        at = i
        while at > 0 and precedes(&moved, &places[at - 1]):
            places[at] = places[at - 1]
            at -= 1
        places[at] = moved


cdef Place *sort_places(Place *places, Place *room, uint32_t count) noexcept nogil:
    """Sort by merging; gives where the sorted ones are, `places` or `room`. (The library's qsort calls a function for every comparison: twice the
    time.)"""
    cdef uint32_t width = SHORT_RUN
    cdef uint32_t start = 0
    cdef uint32_t middle, end, a, b, out
    cdef bint second
    while start < count:
        sort_run(places + start, min(width, count - start))
        start += width
    while width < count:
        start = 0
        while start < count:
            middle = min(start + width, count)
            end = min(middle + width, count)
            a = start
            b = middle
            out = start
            while a < middle and b < end:
                # Which one comes is as good as random: where the keys tell, nothing branches on it.
                second = places[b].subject_key < places[a].subject_key
                if places[a].subject_key == places[b].subject_key:
                    second = precedes(&places[b], &places[a])
                room[out] = places[a + (b - a) * <uint32_t> second]
                a += not second
                b += second
                out += 1
            memcpy(room + out, places + a, (middle - a) * sizeof(Place))
            memcpy(room + out + (middle - a), places + b, (end - b) * sizeof(Place))
            start = end
        width *= 2
        places, room = room, places
    return places


cdef void fill_places(const WaveRows *wave, Place *places) noexcept nogil:
    cdef uint32_t i
    cdef const Row *row
    for i in range(wave.count):
        row = &wave.rows[wave.order[i]]
        places[i].subject_key = key_of(wave, row.first.key)
        places[i].subject_actor = actor_of(wave, row.first.did - 1)
        places[i].actor = actor_of(wave, row.did)
        places[i].n = row.n
        places[i].row = wave.order[i]


cdef uint8_t *put_edge(uint8_t *p, const WaveRows *wave, const Row *row, bint repeated) noexcept nogil:
    """`repeated`: of likes and reposts, whether another row of the wave has the same account and subject."""
    cdef bint refers_record = row.kind == LIKE or row.kind == REPOST
    p = put16(p, 14 if refers_record else (11 if row.kind == FOLLOW else 8))
    p = int4(p, row.n)
    p = int8(p, key_of(wave, row.key))
    p = int8(p, actor_of(wave, row.did))
    if refers_record:
        p = int8(p, key_of(wave, row.first.key))
    p = int8(p, actor_of(wave, row.first.did - 1))
    p = int8(p, row.created_at)
    p = int8(p, wave.frames[row.frame].time)
    if row.kind != BLOCK:
        p = reference(p, wave, &row.second)
        p = digest_or_null(p, row.second_digest, row.has_second_digest)
    if refers_record:
        p = digest_or_null(p, row.first_digest, row.has_first_digest)
    p = null(p) if row.canonical else bytea(p, row.record.p, row.record.n)
    if refers_record:
        p = boolean(p, repeated)
    return boolean(p, row.action == ACTION_UPDATE)


cdef uint8_t *put_post(uint8_t *p, const WaveRows *wave, const Row *row, const uint8_t *record, size_t n) noexcept nogil:
    """`record`: the bytes to be stored."""
    cdef int64_t indexed_at = wave.frames[row.frame].time
    p = put16(p, 15)
    p = int4(p, row.n)
    p = int8(p, key_of(wave, row.key))
    p = int8(p, actor_of(wave, row.did))
    p = int8(p, row.created_at if row.created_at < indexed_at else indexed_at)
    p = int8(p, indexed_at)
    p = reference(p, wave, &row.first)
    p = reference(p, wave, &row.second)
    p = reference(p, wave, &row.third)
    p = int4(p, row.flags)
    p = bytea(p, row.cid + 4, 32)
    p = bytea(p, record, n)
    return boolean(p, row.action == ACTION_UPDATE)


cdef bytes cut(PyObject *room, size_t used):
    """The bytes object of what was written of a larger one, whose reference is taken over."""
    if _PyBytes_Resize(&room, <Py_ssize_t> used) < 0:
        raise MemoryError
    out = <bytes> room
    Py_DECREF(out)
    return out


cdef PyObject *room_for(size_t n) except NULL:
    cdef PyObject *room = PyBytes_FromStringAndSize(NULL, <Py_ssize_t> n)
    if room == NULL:
        raise MemoryError
    return room


cdef bytes copy_edges(const WaveRows *wave):
    """stage_like or stage_repost, in the order of subjects: their neighbours in the tables are then met one after the other.
    stage_follow or stage_block, in stream order."""
    cdef size_t most = 0
    cdef uint32_t i
    cdef const Row *row
    cdef PyObject *out
    cdef uint8_t *start
    cdef uint8_t *p
    cdef Place *places = NULL
    cdef const Place *sorted_places
    cdef bint repeated
    if wave.count == 0:
        return b""
    for i in range(wave.count):
        row = &wave.rows[wave.order[i]]
        most += ROW_MOST + (0 if row.canonical else row.record.n)
    out = room_for(most)
    start = <uint8_t *> PyBytes_AS_STRING(out)
    p = start
    if wave.rows[wave.order[0]].kind == LIKE or wave.rows[wave.order[0]].kind == REPOST:
        places = <Place *> malloc(2 * <size_t> wave.count * sizeof(Place))
        if places == NULL:
            cut(out, 0)
            raise MemoryError
    with nogil:
        if places == NULL:
            for i in range(wave.count):
                p = put_edge(p, wave, &wave.rows[wave.order[i]], False)
        else:
            fill_places(wave, places)
            sorted_places = sort_places(places, places + wave.count, wave.count)
            for i in range(wave.count):
                repeated = (i > 0 and same_pair(&sorted_places[i - 1], &sorted_places[i])
                            or i + 1 < wave.count and same_pair(&sorted_places[i], &sorted_places[i + 1]))
                p = put_edge(p, wave, &wave.rows[sorted_places[i].row], repeated)
        free(places)
    return cut(out, <size_t> (p - start))


cdef bytes copy_posts(const WaveRows *wave, stored_forms):
    """stage_post."""
    cdef size_t most = 0
    cdef uint32_t i
    cdef const Row *row
    cdef bytes record
    cdef list records = None
    cdef PyObject *out
    cdef uint8_t *start
    cdef uint8_t *p
    if stored_forms is not None:
        records = []
        for i in range(wave.count):
            row = &wave.rows[wave.order[i]]
            records.append((<const char *> row.record.p)[:row.record.n])
        records = stored_forms(records)
        if len(records) != wave.count:
            raise ValueError(f"expected the stored forms of {wave.count} records, got {len(records)}")
        for record in records:
            most += ROW_MOST + len(record)
    else:
        for i in range(wave.count):
            most += ROW_MOST + wave.rows[wave.order[i]].record.n
    out = room_for(most)
    start = <uint8_t *> PyBytes_AS_STRING(out)
    p = start
    if records is None:
        with nogil:
            for i in range(wave.count):
                row = &wave.rows[wave.order[i]]
                p = put_post(p, wave, row, row.record.p, row.record.n)
    else:
        for i in range(wave.count):
            record = <bytes> records[i]
            p = put_post(p, wave, &wave.rows[wave.order[i]], <const uint8_t *> PyBytes_AS_STRING(<PyObject *> record), len(record))
    return cut(out, <size_t> (p - start))


cdef bytes copy_deletes(const WaveRows *wave):
    """stage_delete: deletions, and the first half of updates, of edges and posts."""
    cdef uint32_t i
    cdef const Row *row
    cdef PyObject *out = room_for(<size_t> wave.count * 64)
    cdef uint8_t *start = <uint8_t *> PyBytes_AS_STRING(out)
    cdef uint8_t *p = start
    with nogil:
        for i in range(wave.count):
            row = &wave.rows[wave.order[i]]
            p = put16(p, 5)
            p = int4(p, row.n)
            p = int2(p, row.kind)
            p = int8(p, key_of(wave, row.key))
            p = int8(p, actor_of(wave, row.did))
            p = boolean(p, row.action == ACTION_UPDATE)
    return cut(out, <size_t> (p - start))


cdef int compare_repositories(const void *a, const void *b) noexcept nogil:
    cdef int64_t first = (<const RepositoryRow *> a).actor
    cdef int64_t second = (<const RepositoryRow *> b).actor
    return (first > second) - (first < second)


cdef bytes copy_repositories(RepositoryRow *repositories, uint32_t count):
    """stage_repo, in the order of the accounts' ids, whose rows and index entries are then near; sorts `repositories`."""
    cdef uint32_t i
    cdef PyObject *out = room_for(<size_t> count * 80)
    cdef uint8_t *p = <uint8_t *> PyBytes_AS_STRING(out)
    cdef uint8_t *start = p
    qsort(repositories, count, sizeof(RepositoryRow), compare_repositories)
    for i in range(count):
        p = put16(p, 4)
        p = int8(p, repositories[i].actor)
        p = int8(p, repositories[i].rev)
        p = bytea(p, repositories[i].data, 32)
        p = int8(p, repositories[i].first_at)
    return cut(out, <size_t> (p - start))
