"""Numbers in messages."""


def counted(count: int, noun: str) -> str:
    """'1 photo', '2 photos': a number with a noun that takes an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
