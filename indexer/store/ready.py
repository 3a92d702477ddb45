"""A batch read out of its frames ahead of its transaction, so that neither the frames nor this work wait for it.

Owns the bodies and lists of one StoredBatch, nothing else: a quarter of the room that its frames take, at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from indexer.records.collections import BLOCK, LIKE
from indexer.records.compression import compress
from indexer.store.batch import PostRelation, RecordOp, UnreadBatch


class ReadyBatch:
    """A StoredBatch that keeps what `batch` answers, the records of posts compressed; nothing points into frames."""

    def __init__(self, batch: UnreadBatch) -> None:
        waves = range(batch.waves)
        self.waves = batch.waves
        self.counts = dict(batch.counts)
        self.identities = list(batch.identities)
        self.first_events = list(batch.first_events)
        self.account_events = list(batch.account_events)
        self.repo_states = list(batch.repo_states)
        self.drops = list(batch.drops)
        self.last_time = batch.last_time
        self._edges = {
            kind: [batch.copy_edges(kind, wave) for wave in waves] for kind in range(LIKE, BLOCK + 1)
        }
        self._deletes = [batch.copy_deletes(wave) for wave in waves]
        self._posts = [batch.copy_posts(wave, compress) for wave in waves]
        self._repos = batch.copy_repos()
        self._post_relations = [batch.post_relations(wave) for wave in waves]
        self._record_ops = [batch.record_ops(wave) for wave in waves]

    def copy_edges(self, kind: int, wave: int) -> bytes:
        return self._edges[kind][wave]

    def copy_deletes(self, wave: int) -> bytes:
        return self._deletes[wave]

    def copy_posts(self, wave: int) -> bytes:
        return self._posts[wave]

    def copy_repos(self) -> bytes:
        return self._repos

    def post_relations(self, wave: int) -> Sequence[PostRelation]:
        return self._post_relations[wave]

    def record_ops(self, wave: int) -> Sequence[RecordOp]:
        return self._record_ops[wave]
