"""What to say to somebody who named a key that there is not: which one was meant, or whose it is."""

import difflib
from collections.abc import Collection, Sequence

from gpslift.schema import EXAMPLES


def advice_on_key(name: str, keys: Sequence[str], system: str, knowing: Collection[str]) -> str:
    """Advice on a key that a config of this system has not; `knowing` are the other systems that have it.

    A key of another one is spelt right, so that it is not said which key here is spelt alike.
    """
    if knowing:
        theirs = " and ".join(f"of system: {other}, such as {EXAMPLES[other]}" for other in knowing)
        return f"it is a key {theirs}; this config is of system: {system}"
    return nearest_key(name, keys)


def nearest_key(name: str, keys: Sequence[str]) -> str:
    """Keys of the same last part first, then keys spelt alike."""
    last = name.rpartition(".")[2]
    same = [key for key in keys if key.rpartition(".")[2] == last]
    alike = same or difflib.get_close_matches(name, keys, n=1, cutoff=0.6)
    if not alike:
        lasts = difflib.get_close_matches(last, [key.rpartition(".")[2] for key in keys], n=1, cutoff=0.6)
        alike = [key for key in keys if key.rpartition(".")[2] in lasts]
    return f"did you mean {' or '.join(alike)}?" if alike else "--keys lists every key"
