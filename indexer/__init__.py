"""An index server (AppView) for the AT Protocol.

The packages follow the data: firehose -> _fastpath -> sync -> records -> store -> cache -> hydration -> views -> api.
docs/ARCHITECTURE.md tells the tour.
"""

__version__ = "0.1.0"
