"""Types of `tls.pyx`."""

def whole_records(
    data: memoryview | bytearray | bytes, start: int, end: int, limit: int
) -> tuple[int, int]: ...
