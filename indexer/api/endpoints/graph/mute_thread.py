"""app.bsky.graph.muteThread: no more notifications about a thread."""

from __future__ import annotations

from indexer.api.muting import thread_muting
from indexer.store.reads.private import Private

ENDPOINT = thread_muting("app.bsky.graph.muteThread", Private.mute_thread)
