"""app.bsky.notification.getPreferences: which notifications the viewer wants, and how."""

from __future__ import annotations

from typing import Any, Final

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.hydration.state import Json

FILTERABLE: Final = (
    "follow", "like", "likeViaRepost", "mention", "quote", "reply", "repost", "repostViaRepost",
)  # fmt: skip
PLAIN: Final = ("starterpackJoined", "subscribedPost", "unverified", "verified")


def whole_preferences(stored: dict[str, Any]) -> Json:
    """Stored preferences with the defaults for whatever was never put."""
    preferences: Json = {"chat": {"include": "all", "push": True}}
    for name in FILTERABLE:
        preferences[name] = {"include": "all", "list": True, "push": True, **stored.get(name, {})}
    for name in PLAIN:
        preferences[name] = {"list": True, "push": True, **stored.get(name, {})}
    return preferences


async def answer(call: Call[Parameters]) -> Json:
    return {"preferences": whole_preferences(await call.services.private.preferences(call.viewer))}


ENDPOINT = Endpoint(
    "app.bsky.notification.getPreferences", Parameters, answer, auth=Mode.STANDARD, labelers=False
)
