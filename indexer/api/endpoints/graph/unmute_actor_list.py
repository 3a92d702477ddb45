"""app.bsky.graph.unmuteActorList: show those on a list again."""

from __future__ import annotations

from indexer.api.muting import list_muting
from indexer.store.reads.private import Private

ENDPOINT = list_muting("app.bsky.graph.unmuteActorList", Private.unmute_list)
