"""Numbers and times in messages."""


def counted(count: int, noun: str) -> str:
    """'1 photo', '2 photos': a number with a noun that takes an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def clock(seconds: float) -> str:
    """'6:32': minutes and seconds."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
