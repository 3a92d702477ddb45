# cython: boundscheck=False, wraparound=False, cdivision=True
"""Interning inside one batch: every DID and every rare path becomes a small number while frames are parsed.

So the table of accounts is asked once per distinct name, and rows hold numbers until ids are known. Names point into the frames
(DIDs) or are copied (paths, which are few). No limit of its own: there are never more names than bytes of input / 10.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from indexer._fastpath.collections cimport UNKNOWN_COLLECTION
from indexer._fastpath.did cimport DID_KEY_PLC, DidKey, did_key
from indexer._fastpath.mix cimport mix_bytes, mix_pair
from indexer._fastpath.reasons cimport BAD_DID, BAD_SYNTAX, OK, OUT_OF_MEMORY
from indexer._fastpath.span cimport Slice
from indexer._fastpath.syntax cimport is_nsid, is_rkey
from indexer._fastpath.tid cimport tid_to_int


cdef void names_init(Names *names, uint64_t seed) noexcept nogil:
    memset(names, 0, sizeof(Names))
    names.seed = seed


cdef void names_free(Names *names) noexcept nogil:
    cdef uint32_t i
    for i in range(names.path_count):
        free(names.paths[i].text)
    free(names.dids)
    free(names.did_index)
    free(names.paths)
    free(names.path_index)
    memset(names, 0, sizeof(Names))


cdef int more_dids(Names *names) noexcept nogil:
    cdef uint32_t room = names.did_room * 2 if names.did_room else 1024
    cdef uint64_t at
    cdef uint32_t i
    cdef uint32_t *index
    cdef Did *dids = <Did *> realloc(names.dids, room * sizeof(Did))
    if dids == NULL:
        return OUT_OF_MEMORY
    names.dids = dids
    index = <uint32_t *> calloc(2 * <size_t> room, sizeof(uint32_t))
    if index == NULL:
        return OUT_OF_MEMORY
    free(names.did_index)
    names.did_index = index
    names.did_mask = 2 * <uint64_t> room - 1
    names.did_room = room
    for i in range(names.did_count):
        at = mix_pair(dids[i].key.low, dids[i].key.high, names.seed) & names.did_mask
        while index[at]:
            at = (at + 1) & names.did_mask
        index[at] = i + 1
    return OK


cdef int search_did_key(Names *names, const DidKey *key, Slice did, uint32_t *number) noexcept nogil:
    cdef Did *found
    cdef uint64_t at
    if names.did_count == names.did_room and more_dids(names) < 0:
        return OUT_OF_MEMORY
    at = mix_pair(key.low, key.high, names.seed) & names.did_mask
    while names.did_index[at]:
        found = &names.dids[names.did_index[at] - 1]
        if found.key.low == key.low and found.key.high == key.high:
            if key.high >> 56 == DID_KEY_PLC or (found.text.n == did.n and memcmp(found.text.p, did.p, did.n) == 0):
                number[0] = names.did_index[at] - 1
                return OK
        at = (at + 1) & names.did_mask
    number[0] = names.did_count
    found = &names.dids[names.did_count]
    memset(found, 0, sizeof(Did))
    found.key = key[0]
    found.text = did
    names.did_count += 1
    names.did_index[at] = names.did_count
    return OK


cdef int intern_other_did(Names *names, Slice did, uint32_t *number) noexcept nogil:
    cdef DidKey key
    if did_key(did, &key) < 0:
        return BAD_DID
    return search_did_key(names, &key, did, number)


cdef int more_paths(Names *names) noexcept nogil:
    cdef uint32_t room = names.path_room * 2 if names.path_room else 64
    cdef uint64_t at
    cdef uint32_t i
    cdef uint32_t *index
    cdef Path *paths = <Path *> realloc(names.paths, room * sizeof(Path))
    if paths == NULL:
        return OUT_OF_MEMORY
    names.paths = paths
    index = <uint32_t *> calloc(2 * <size_t> room, sizeof(uint32_t))
    if index == NULL:
        return OUT_OF_MEMORY
    free(names.path_index)
    names.path_index = index
    names.path_mask = 2 * <uint64_t> room - 1
    names.path_room = room
    for i in range(names.path_count):
        at = mix_bytes(paths[i].text, paths[i].size, names.seed) & names.path_mask
        while index[at]:
            at = (at + 1) & names.path_mask
        index[at] = i + 1
    return OK


cdef int intern_path(Names *names, Slice collection, Slice rkey, uint32_t *number) noexcept nogil:
    """The number of the path `collection/rkey`."""
    cdef size_t size = collection.n + 1 + rkey.n
    cdef uint8_t *text
    cdef uint64_t at
    cdef Path *found
    if names.path_count == names.path_room and more_paths(names) < 0:
        return OUT_OF_MEMORY
    text = <uint8_t *> malloc(size)
    if text == NULL:
        return OUT_OF_MEMORY
    memcpy(text, collection.p, collection.n)
    text[collection.n] = b"/"
    memcpy(text + collection.n + 1, rkey.p, rkey.n)
    at = mix_bytes(text, size, names.seed) & names.path_mask
    while names.path_index[at]:
        found = &names.paths[names.path_index[at] - 1]
        if found.size == size and memcmp(found.text, text, size) == 0:
            free(text)
            number[0] = names.path_index[at] - 1
            return OK
        at = (at + 1) & names.path_mask
    number[0] = names.path_count
    found = &names.paths[names.path_count]
    found.text = text
    found.size = size
    found.id = 0
    names.path_count += 1
    names.path_index[at] = names.path_count
    return OK


cdef int intern_key(Names *names, int home, int code, Slice collection, Slice rkey, int64_t *key) noexcept nogil:
    """The key of a record: the integer of a TID in the collection `home`, else that of the interned path. BAD_SYNTAX where `collection`
    (whose code is `code`) or `rkey` is none."""
    cdef uint32_t number
    if home == code and tid_to_int(rkey, key) == OK and key[0] > 0:
        return OK
    if not is_rkey(rkey) or (code == UNKNOWN_COLLECTION and not is_nsid(collection)):
        return BAD_SYNTAX
    if intern_path(names, collection, rkey, &number) < 0:
        return OUT_OF_MEMORY
    key[0] = -<int64_t> number - 1
    return OK
