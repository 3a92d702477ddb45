# cython: boundscheck=False, wraparound=False, cdivision=True
"""Posts to rows, and the names that any other record mentions.

Owns: which posts are valid (as far as the reference's lexicon check decides whether it indexes them) and what columns they get. An embed of an
unknown type is kept. Other records stay bytes for Python; here they are checked to be well-formed maps of the right type, and the
DIDs and record URIs that stand in them as whole texts are interned, so that one question to the store answers for all of them.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from indexer._fastpath.cbor cimport ALL_DEVIATIONS, BYTES, MAP, TEXT, Tolerance, is_text, read_array, read_map, read_text
from indexer._fastpath.collections cimport (
    HAS_EXTERNAL, HAS_GALLERY, HAS_IMAGES, HAS_MENTIONS, HAS_RECORD, HAS_VIDEO, IS_QUOTE, IS_REPLY, POST, collection_code,
)
from indexer._fastpath.did cimport DidKey
from indexer._fastpath.fields cimport (
    StrongReference, next_key, read_created_at, read_digest, read_reference, read_strong_reference, read_usual_reference, split_uri,
)
from indexer._fastpath.interning cimport Names, Reference, intern_did, intern_did_key, intern_key
from indexer._fastpath.reasons cimport BAD_DID, BAD_SYNTAX, OK, OUT_OF_MEMORY, TRAILING_BYTES, WRONG_TYPE
from indexer._fastpath.rows cimport RECORD_INVALID, RECORD_NOT_MAP, RECORD_TYPE, Gathered, Row
from indexer._fastpath.span cimport Slice, Span, left, slice_at, span_of_slice, take
from indexer._fastpath.text cimport text_datetime24_near
from indexer._fastpath.tolerant cimport read_head_tolerant, skip, skip_inside
from indexer._fastpath.usual cimport USUAL_DID, USUAL_TIME, UsualReference, usual_reply

cdef extern from "memory.h" nogil:
    void *with_more_room(void *items, uint32_t *room, uint32_t first, size_t size)

cdef enum:
    MAX_TEXT = 3000
    MAX_TAGS = 8
    MAX_TAG = 640
    MAX_LANGS = 3
    MAX_NAMES = 1024  # interned per record that stays bytes

# The keys of a post, in the order in which DAG-CBOR sorts them.
cdef enum PostKey:
    OTHER_KEY = 0
    TAGS_KEY = 1
    TEXT_KEY = 2
    TYPE_KEY = 3
    EMBED_KEY = 4
    LANGS_KEY = 5
    REPLY_KEY = 6
    FACETS_KEY = 7
    CREATED_AT_KEY = 8
    LAST_KEY = 9


cdef struct Embed:
    Slice kind  # {NULL, ...}, as all of these, where it is not there
    Slice listed  # the array of images or items, not yet looked into
    Slice record
    Slice media


cdef int step_over(Span *s, Slice *passed) noexcept nogil:
    """Check one value and give the bytes that it takes."""
    cdef Tolerance tolerance
    cdef int code
    tolerance.allowed = ALL_DEVIATIONS
    passed.p = s.p
    code = skip(s, &tolerance)
    passed.n = <size_t> (s.p - passed.p)
    return code


cdef int read_texts(Span *s, uint64_t most, size_t longest) noexcept nogil:
    """An array of at most so many texts of at most so many bytes."""
    cdef uint64_t items, i
    cdef Slice text
    cdef int code = read_array(s, &items)
    if code == OK and items > most:
        return RECORD_INVALID
    for i in range(items if code == OK else 0):
        code = read_text(s, &text)
        if code == OK and text.n > longest:
            code = RECORD_INVALID
        if code != OK:
            break
    return RECORD_INVALID if code == WRONG_TYPE else code


cdef int read_usual_reply(Names *names, Span *s, Row *row) noexcept nogil:
    """{root, parent} of the usual layout. False, with nothing interned and `s` where it was, for any other form; a code below zero where memory
    has run out."""
    cdef UsualReference root, parent
    cdef DidKey root_did, parent_did
    cdef int64_t root_key, parent_key
    cdef uint32_t number
    cdef const uint8_t *after = usual_reply(s.p, s.end, &root, &parent)
    if after == NULL or not (
            read_usual_reference(&root, &root_did, &root_key) and read_usual_reference(&parent, &parent_did, &parent_key)):
        return False
    if intern_did_key(names, &parent_did, slice_at(parent.did, USUAL_DID), &number) < 0:
        return OUT_OF_MEMORY
    row.first.did = number + 1
    row.first.key = parent_key
    if intern_did_key(names, &root_did, slice_at(root.did, USUAL_DID), &number) < 0:
        return OUT_OF_MEMORY
    row.second.did = number + 1
    row.second.key = root_key
    row.flags |= IS_REPLY
    s.p = after
    return True


cdef int read_reply(Names *names, Span *s, Row *row) noexcept nogil:
    """{root, parent}, both strong references. A reference to what is no record (a handle's, say) leaves its columns empty."""
    cdef StrongReference root, parent
    cdef Slice key, passed
    cdef uint64_t pairs, i
    cdef bint sorted = True
    cdef int found
    cdef int code = read_usual_reply(names, s, row)
    if code:
        return OK if code > 0 else code
    code = read_map(s, &pairs)
    if code != OK:
        return code
    root.uri.p = NULL
    parent.uri.p = NULL
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        code = next_key(s, &key, &sorted)
        if code < 0:
            return code
        if is_text(key, b"root", 4):
            code = read_strong_reference(s, &root)
        elif is_text(key, b"parent", 6):
            code = read_strong_reference(s, &parent)
        else:
            code = step_over(s, &passed)
        if code != OK:
            return code
    if root.uri.p == NULL or parent.uri.p == NULL:
        return RECORD_INVALID
    row.flags |= IS_REPLY
    code = read_reference(names, parent.uri, POST, &row.first, &found)
    if code < 0:
        return code
    code = read_reference(names, root.uri, POST, &row.second, &found)
    return code if code < 0 else OK


cdef int read_quote(Names *names, Slice record, Row *row) noexcept nogil:
    """The strong reference of a record embed."""
    cdef Span s = span_of_slice(record)
    cdef StrongReference subject
    cdef Reference quoted
    cdef bint canonical = True
    cdef int found = 0
    cdef int code = read_strong_reference(&s, &subject)
    if code != OK:
        return code
    row.flags |= HAS_RECORD
    code = read_reference(names, subject.uri, POST, &quoted, &found)
    if code < 0:
        return code
    if code == OK and found == POST:
        row.flags |= IS_QUOTE
        row.third = quoted
        read_digest(subject.cid, row.first_digest, &canonical, &row.has_first_digest)
    return OK


cdef int read_embed_fields(Span *s, Embed *out, bint *sorted) noexcept nogil:
    """What an embed says, whose other fields are stepped over."""
    cdef Tolerance tolerance
    cdef Slice key, value
    cdef uint64_t pairs, i
    cdef int code = read_map(s, &pairs)
    if code != OK:
        return code
    out.kind.p = NULL
    out.media.p = NULL
    out.record.p = NULL
    out.listed.p = NULL
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        code = next_key(s, &key, sorted)
        if code < 0:
            return code
        if is_text(key, b"$type", 5):
            code = read_text(s, &out.kind)
        else:
            tolerance.allowed = ALL_DEVIATIONS
            value.p = s.p
            code = skip_inside(s, &tolerance)
            value.n = <size_t> (s.p - value.p)
            if is_text(key, b"images", 6) or is_text(key, b"items", 5):
                out.listed = value
            elif is_text(key, b"record", 6):
                out.record = value
            elif is_text(key, b"media", 5):
                out.media = value
        if code != OK:
            return code
    return OK


cdef int take_embed(Span *s, Embed *out) noexcept nogil:
    """The same with all of the embed checked as if it were stepped over: where that has nothing to add, reading it once is enough."""
    cdef const uint8_t *start = s.p
    cdef bint sorted = True
    cdef Slice whole
    cdef Span inner
    cdef int code = read_embed_fields(s, out, &sorted)
    if code == OK and sorted:
        return OK
    s.p = start
    code = step_over(s, &whole)
    if code != OK:
        return code
    inner = span_of_slice(whole)
    return read_embed_fields(&inner, out, &sorted)


cdef int read_embed(Names *names, Span *s, Row *row, int depth) noexcept nogil:
    """An embed union; a recordWithMedia holds two more, and those no further."""
    cdef Embed embed
    cdef Span inner
    cdef uint64_t items
    cdef int code = take_embed(s, &embed)
    if code != OK:
        return code
    if embed.kind.p == NULL:
        # Inside a recordWithMedia the record part may go without its type: it is a reference there, no union.
        return read_quote(names, embed.record, row) if depth == 2 and embed.record.p != NULL else RECORD_INVALID
    if embed.kind.n < 15 or memcmp(embed.kind.p, <const char *> b"app.bsky.embed.", 15) != 0:
        return OK
    embed.kind.p += 15
    embed.kind.n -= 15
    if is_text(embed.kind, b"images", 6) or is_text(embed.kind, b"gallery", 7):
        if embed.listed.p == NULL:
            return RECORD_INVALID
        inner = span_of_slice(embed.listed)
        code = read_array(&inner, &items)
        if code == OK and items:
            row.flags |= HAS_IMAGES if embed.kind.n == 6 else HAS_GALLERY
        return code
    if is_text(embed.kind, b"video", 5):
        row.flags |= HAS_VIDEO
    elif is_text(embed.kind, b"external", 8):
        row.flags |= HAS_EXTERNAL
    elif is_text(embed.kind, b"record", 6):
        return RECORD_INVALID if embed.record.p == NULL else read_quote(names, embed.record, row)
    elif is_text(embed.kind, b"recordWithMedia", 15) and depth == 1:
        if embed.record.p == NULL or embed.media.p == NULL:
            return RECORD_INVALID
        inner = span_of_slice(embed.record)
        code = read_embed(names, &inner, row, 2)
        if code == OK:
            inner = span_of_slice(embed.media)
            code = read_embed(names, &inner, row, 3)
        return code
    return OK


cdef int note_mention(Gathered *gathered, Row *row, Slice did) noexcept nogil:
    cdef uint32_t number, i
    cdef uint32_t *larger
    cdef int code = intern_did(&gathered.names, did, &number)
    if code == BAD_DID:
        return RECORD_INVALID
    if code < 0:
        return code
    for i in range(row.mentions_start, row.mentions_start + row.mentions):
        if gathered.mentions[i] == number:
            return OK
    if gathered.mention_count == gathered.mention_room:
        larger = <uint32_t *> with_more_room(gathered.mentions, &gathered.mention_room, 256, sizeof(uint32_t))
        if larger == NULL:
            return OUT_OF_MEMORY
        gathered.mentions = larger
    gathered.mentions[gathered.mention_count] = number
    gathered.mention_count += 1
    row.mentions += 1
    row.flags |= HAS_MENTIONS
    return OK


cdef int read_feature(Gathered *gathered, Span *s, Row *row) noexcept nogil:
    """One feature of a facet; mentions are noted."""
    cdef Slice key, kind, did, passed
    cdef uint64_t pairs, i
    cdef bint sorted = True
    cdef int code = read_map(s, &pairs)
    if code != OK:
        return code
    kind.p = NULL
    did.p = NULL
    did.n = 0
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        code = next_key(s, &key, &sorted)
        if code < 0:
            return code
        if is_text(key, b"$type", 5):
            code = read_text(s, &kind)
        elif is_text(key, b"did", 3) and s.p < s.end and s.p[0] >> 5 == TEXT:
            code = read_text(s, &did)
        else:
            code = step_over(s, &passed)
        if code != OK:
            return code
    if kind.p == NULL:
        return RECORD_INVALID
    if is_text(kind, b"app.bsky.richtext.facet#mention", 31):
        return RECORD_INVALID if did.p == NULL else note_mention(gathered, row, did)
    return OK


cdef int read_facets(Gathered *gathered, Span *s, Row *row) noexcept nogil:
    """[{index: {...}, features: [...]}]."""
    cdef Slice key, index, passed
    cdef uint64_t facets, pairs, features, i, j, k
    cdef bint sorted, has_features
    cdef int code = read_array(s, &facets)
    if code != OK:
        return code
    for i in range(facets):
        code = read_map(s, &pairs)
        if code != OK:
            return code
        index.p = NULL
        has_features = False
        sorted = True
        key.p = NULL
        key.n = 0
        for j in range(pairs):
            code = next_key(s, &key, &sorted)
            if code < 0:
                return code
            if is_text(key, b"features", 8):
                has_features = True
                code = read_array(s, &features)
                for k in range(features if code == OK else 0):
                    code = read_feature(gathered, s, row)
                    if code != OK:
                        break
            elif is_text(key, b"index", 5):
                code = step_over(s, &index)
                if code == OK and index.p[0] >> 5 != MAP:
                    code = RECORD_INVALID
            else:
                code = step_over(s, &passed)
            if code != OK:
                return code
        if index.p == NULL or not has_features:
            return RECORD_INVALID
    return OK


cdef inline int known_key(Slice key) noexcept nogil:
    if key.n == 5:
        if is_text(key, b"$type", 5):
            return TYPE_KEY
        if is_text(key, b"langs", 5):
            return LANGS_KEY
        if is_text(key, b"reply", 5):
            return REPLY_KEY
        if is_text(key, b"embed", 5):
            return EMBED_KEY
    elif key.n == 4:
        if is_text(key, b"text", 4):
            return TEXT_KEY
        if is_text(key, b"tags", 4):
            return TAGS_KEY
    elif is_text(key, b"createdAt", 9):
        return CREATED_AT_KEY
    elif is_text(key, b"facets", 6):
        return FACETS_KEY
    return OTHER_KEY


cdef inline int take_usual_key(Span *s, int after, Slice *key) noexcept nogil:
    """Step over a key that sorts after the known one `after`, without looking at its order, its characters, its head by themselves;
    OTHER_KEY, and `s` where it was, for every other key."""
    cdef const uint8_t *p = s.p
    cdef Slice text
    cdef int known
    if left(s) < 10 or not 0x64 <= p[0] <= 0x69:
        return OTHER_KEY
    text = slice_at(p + 1, p[0] - 0x60)
    known = known_key(text)
    if known <= after:
        return OTHER_KEY
    key[0] = text
    s.p = p + 1 + text.n
    return known


cdef int parse_post(Gathered *gathered, Row *row, Slice *detail) noexcept nogil:
    """Fill the row of a post from `row.record`; gives what edges.parse_edge gives."""
    cdef Span s = span_of_slice(row.record)
    cdef Slice key, text, created_at, kind, passed
    cdef uint64_t pairs, i
    cdef bint sorted = True
    cdef int before = OTHER_KEY
    cdef int known
    cdef int code = read_map(&s, &pairs)
    if code != OK:
        return RECORD_NOT_MAP if code == WRONG_TYPE else code
    text.p = NULL
    created_at.p = NULL
    kind.p = NULL
    key.p = NULL
    key.n = 0
    row.mentions_start = gathered.mention_count
    for i in range(pairs):
        known = take_usual_key(&s, before, &key)
        before = known
        if known == OTHER_KEY:
            code = next_key(&s, &key, &sorted)
            if code < 0:
                return code
            known = known_key(key)
            before = LAST_KEY
        if known == TEXT_KEY:
            code = read_text(&s, &text)
            if code == OK and text.n > MAX_TEXT:
                code = RECORD_INVALID
        elif known == TYPE_KEY:
            code = read_text(&s, &kind)
        elif known == CREATED_AT_KEY:
            code = read_text(&s, &created_at)
        elif known == REPLY_KEY:
            code = read_reply(&gathered.names, &s, row)
        elif known == EMBED_KEY:
            code = read_embed(&gathered.names, &s, row, 1)
        elif known == FACETS_KEY:
            code = read_facets(gathered, &s, row)
        elif known == LANGS_KEY:
            code = read_texts(&s, MAX_LANGS, MAX_TAG)
        elif known == TAGS_KEY:
            code = read_texts(&s, MAX_TAGS, MAX_TAG)
        else:
            code = step_over(&s, &passed)
        if code == WRONG_TYPE:
            code = RECORD_INVALID
        if code != OK:
            detail[0] = key
            return code
    if s.p != s.end:
        return TRAILING_BYTES
    if kind.p == NULL or collection_code(kind) != POST:
        return RECORD_TYPE
    if text.p == NULL or created_at.p == NULL:
        return RECORD_INVALID
    if created_at.n != USUAL_TIME or not text_datetime24_near(created_at.p, &row.created_at, &gathered.day):
        read_created_at(created_at, &row.created_at, &sorted)
    return OK


cdef int note_name(Names *names, Slice text) noexcept nogil:
    """Intern a text that is a DID or the URI of a record; anything else is no matter."""
    cdef Slice authority, collection, rkey
    cdef uint32_t number
    cdef int64_t key
    cdef int code = OK
    cdef int kind
    if text.n > 6 and memcmp(text.p, <const char *> b"did:", 4) == 0:
        code = intern_did(names, text, &number)
    elif text.n > 11 and memcmp(text.p, <const char *> b"at://", 5) == 0 and split_uri(
            text, &authority, &collection, &rkey) == OK:
        code = intern_did(names, authority, &number)
        if code == OK:
            # A TID needs no path, whichever table it will be looked up in.
            kind = collection_code(collection)
            code = intern_key(names, kind, kind, collection, rkey, &key)
    return OK if code == BAD_DID or code == BAD_SYNTAX else code


cdef int parse_other(Names *names, Row *row, Slice *detail) noexcept nogil:
    """Check that `row.record` is a well-formed map whose $type is the row's collection, and intern the names in it."""
    cdef Span s = span_of_slice(row.record)
    cdef Tolerance tolerance
    cdef Slice key, kind, text
    cdef uint64_t pairs, argument, i
    cdef bint sorted = True
    cdef int major
    cdef int interned = 0
    cdef int code = read_map(&s, &pairs)
    if code != OK:
        return RECORD_NOT_MAP if code == WRONG_TYPE else code
    kind.p = NULL
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        code = next_key(&s, &key, &sorted)
        if code < 0:
            return code
        if is_text(key, b"$type", 5):
            code = read_text(&s, &kind)
            if code == WRONG_TYPE:
                code = RECORD_TYPE
        else:
            code = step_over(&s, &text)
        if code != OK:
            detail[0] = key
            return code
    if s.p != s.end:
        return TRAILING_BYTES
    if kind.p == NULL or collection_code(kind) != row.kind:
        return RECORD_TYPE
    # All of it has been checked, so its heads can be read one after the other, containers before their items.
    s = span_of_slice(row.record)
    tolerance.allowed = ALL_DEVIATIONS
    while s.p < s.end and interned < MAX_NAMES:
        code = read_head_tolerant(&s, &major, &argument, &tolerance)
        if code < 0:
            return code
        if major == TEXT or major == BYTES:
            code = take(&s, argument, &text)
            if code < 0:
                return code
            if major == TEXT and text.n > 6 and (text.p[0] == b"d" or text.p[0] == b"a"):
                interned += 1
                code = note_name(names, text)
                if code < 0:
                    return code
    return OK
