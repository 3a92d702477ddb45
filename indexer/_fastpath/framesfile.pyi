"""Types of `framesfile.pyx`."""

def sequence_numbers(data: memoryview | bytearray | bytes, start: int, end: int) -> tuple[bytes, int]: ...

class MessageMaker:
    after: int
    last_skipped: int
    started: bool
    def __init__(self, after: int = 0) -> None: ...
    def messages(
        self, data: memoryview | bytearray | bytes, start: int, end: int, most: int
    ) -> tuple[bytes, int, int]: ...
