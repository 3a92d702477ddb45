"""Types of `reasons.pyx`."""

REASONS: dict[int, str]

def reason_text(code: int) -> str: ...
