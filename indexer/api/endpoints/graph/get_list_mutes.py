"""app.bsky.graph.getListMutes: the lists that the viewer mutes."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Endpoint, paged, pipeline
from indexer.api.listing import hydrate_listing, of_viewer, present_listing
from indexer.api.parameters import Paged
from indexer.store.reads.lists import Lists
from indexer.views.lists import list_view

ENDPOINT = Endpoint(
    "app.bsky.graph.getListMutes",
    Paged,
    paged("lists", pipeline(of_viewer(Lists.muted_by), hydrate_listing, present_listing("lists", list_view))),
    auth=Mode.STANDARD,
)
