"""app.bsky.graph.unmuteThread: notifications about a thread again."""

from __future__ import annotations

from indexer.api.muting import thread_muting
from indexer.store.reads.private import Private

ENDPOINT = thread_muting("app.bsky.graph.unmuteThread", Private.unmute_thread)
