"""The one error that bad input raises."""


class UserError(Exception):
    """What the user gave cannot be used. The message names the thing and the remedy; `launch.py` prints it in a line."""
