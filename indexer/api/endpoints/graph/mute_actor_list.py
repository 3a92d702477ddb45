"""app.bsky.graph.muteActorList: hide everybody on a list from the viewer."""

from __future__ import annotations

from indexer.api.muting import list_muting
from indexer.store.reads.private import Private

ENDPOINT = list_muting("app.bsky.graph.muteActorList", Private.mute_list)
