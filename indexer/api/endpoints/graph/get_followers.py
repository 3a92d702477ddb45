"""app.bsky.graph.getFollowers: who follows an account."""

from __future__ import annotations

from indexer.api.follows import follow_endpoint
from indexer.store.reads.edges import Edges

ENDPOINT = follow_endpoint(
    "app.bsky.graph.getFollowers", "followers", Edges.follows_of, lambda follow: follow.actor
)
