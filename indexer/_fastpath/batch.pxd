"""The layout of a batch (see batch.pyx)."""

from indexer._fastpath.copyrows cimport WaveRows
from indexer._fastpath.gathering cimport Frame
from indexer._fastpath.rows cimport Row
from indexer._fastpath.stages cimport Stages


cdef class Batch(Stages):
    cdef int need_finished(self) except -1
    cdef WaveRows rows_of(self, int wave, int group) except *
    cdef tuple mentions_of(self, const WaveRows *rows, const Row *row)
    cdef str rkey_of(self, const Row *row)
    cdef object drop_of(self, str label, const Frame *frame, str detail)
