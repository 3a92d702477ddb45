"""The bits of `post.flags`. Up to HAS_MENTIONS the record alone decides (the batch door sets them); the others are
decided by
what the index holds when the post arrives (records/threads.py) and never change afterwards, as in the reference
AppView."""

from __future__ import annotations

HAS_IMAGES = 1
HAS_VIDEO = 2
HAS_EXTERNAL = 4
HAS_RECORD = 8
HAS_GALLERY = 16
IS_REPLY = 32
IS_QUOTE = 64
HAS_MENTIONS = 128
VIOLATES_THREADGATE = 256
VIOLATES_POSTGATE = 512
INVALID_REPLY_ROOT = 1024
