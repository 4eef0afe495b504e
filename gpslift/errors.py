"""The one error that bad input raises."""


class UserError(Exception):
    """What the user gave is of no use. The message names the thing and the remedy; `launch.py` prints it as a line."""
