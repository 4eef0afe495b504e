"""Which words of the captions a judge can be asked about: common enough to learn, rare enough to tell something."""

import re
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

LEAST_SHARE, MOST_SHARE = 0.015, 0.6
LEAST_LETTERS = 3
_EMPTY = """the and with for from under over near next beside into onto its his her their this that there are was were
has photo picture image view scene one two some somebody nobody about city place corner front day time"""
EMPTY_WORDS = frozenset(_EMPTY.split())


def words_of(caption: str) -> set[str]:
    """The words of a caption, lower case."""
    return set(re.findall(r"[^\W\d_]+", caption.lower()))


def telling_words(captions: Sequence[str], count: int = 24) -> list[str]:
    """At most `count` words that LEAST_SHARE to MOST_SHARE of the captions hold, the commonest first."""
    found = Counter(word for caption in captions for word in words_of(caption))
    telling = [
        (-times, word)
        for word, times in found.items()
        if LEAST_SHARE <= times / max(len(captions), 1) <= MOST_SHARE
        and len(word) >= LEAST_LETTERS
        and word not in EMPTY_WORDS
    ]
    return [word for _, word in sorted(telling)[:count]]


def words_told(captions: Sequence[str], words: Sequence[str]) -> Tensor:
    """Whether each caption holds each word: floats 0 or 1, [len(captions), len(words)]."""
    return torch.tensor([[float(word in told) for word in words] for told in map(words_of, captions)])
