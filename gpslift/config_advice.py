"""What to say to somebody who named a key or a file that there is not: which one was meant, or whose it is."""

import difflib
from collections.abc import Collection, Sequence
from pathlib import PurePath

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


def advice_on_file(path: str, files: Sequence[str]) -> str:
    """Advice on a config that there is not: up to three of `files` of a name spelt alike, or that holds this one."""
    name, names = PurePath(path).stem, [PurePath(file).stem for file in files]
    alike = difflib.get_close_matches(name, names, n=1, cutoff=0.7) or [other for other in names if name in other]
    meant = [file for file, own in zip(files, names, strict=True) if own in alike]
    meant.sort(key=lambda file: difflib.SequenceMatcher(a=path, b=file).ratio(), reverse=True)
    if not meant:
        return f"there is {EXAMPLES['lift']}; docs/configs.md lists all"
    return f"did you mean {' or '.join(meant[:3])}?"
