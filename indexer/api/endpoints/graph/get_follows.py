"""app.bsky.graph.getFollows: whom an account follows."""

from __future__ import annotations

from indexer.api.follows import follow_endpoint
from indexer.store.reads.edges import Edges

ENDPOINT = follow_endpoint(
    "app.bsky.graph.getFollows", "follows", Edges.follows_by, lambda follow: follow.subject[1]
)
