"""Which frames never decode: those that came broken again and again, over a new connection each time.

Owns the counting. A frame that a bad connection damaged comes whole the next time; one that the upstream itself holds
broken would stop the stream for ever.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

ATTEMPTS = 3
REMEMBERED = 1000


class BrokenFrames:
    """The broken frames of one upstream, remembered by their hash."""

    def __init__(self) -> None:
        self._times: OrderedDict[bytes, int] = OrderedDict()

    def never_decodes(self, frame: bytes) -> bool:
        """Note that `frame` came and did not decode; whether it has come so ATTEMPTS times, so that asking for it again
        is no use.
        """
        digest = hashlib.sha256(frame).digest()
        times = self._times.get(digest, 0) + 1
        self._times[digest] = times
        self._times.move_to_end(digest)
        if len(self._times) > REMEMBERED:
            self._times.popitem(last=False)
        return times >= ATTEMPTS
