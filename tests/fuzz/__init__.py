"""One fuzz target a door, each runnable for as long as wished: `python -m tests.fuzz.cbor --seconds 60`."""
