"""The firehose: sockets and files in, lists of frames out.

Owns connections to relays and PDSes (`Follower`), files of frames (`replay_file`, `FramesReader`,
`FramesWriter`), and what an upstream's address looks like (`parse_upstream`). Refuses to know what a data
frame contains, and keeps no cursor: it asks for one.
"""

from indexer.firehose.batch import FrameBatch
from indexer.firehose.client import Follower
from indexer.firehose.files import FramesReader, FramesWriter
from indexer.firehose.options import MAX_MESSAGE_BYTES, FirehoseOptions, UpstreamStatus
from indexer.firehose.replay import replay_file
from indexer.firehose.upstream import Upstream, parse_upstream

__all__ = [
    "MAX_MESSAGE_BYTES",
    "FirehoseOptions",
    "Follower",
    "FrameBatch",
    "FramesReader",
    "FramesWriter",
    "Upstream",
    "UpstreamStatus",
    "parse_upstream",
    "replay_file",
]
