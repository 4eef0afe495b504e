"""Which words of captions can be asked about."""

from gpslift.metrics.words import telling_words, words_of, words_told


def test_words_are_whole_and_lower_case() -> None:
    assert words_of("A red-hot Café, at 9pm") == {"a", "red", "hot", "café", "at", "pm"}


def test_neither_the_rare_nor_the_common_nor_the_empty_tell() -> None:
    common = ["a street with rain"] * 49 + ["street and rain"] * 30
    captions = ["a bench with a dog"] * 30 + ["a photo of a kiosk"] * 20 + common + ["a zebra"]
    assert telling_words(captions) == ["bench", "dog", "kiosk"]  # rain and street in most, zebra in one
    assert telling_words(captions, 1) == ["bench"]
    assert telling_words([]) == []


def test_told() -> None:
    assert words_told(["A bench.", "no benches", ""], ["bench", "no"]).tolist() == [[1, 0], [0, 1], [0, 0]]
