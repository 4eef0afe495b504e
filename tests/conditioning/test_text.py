"""The small tokenizer and text transformer."""

import logging
from collections.abc import Callable

import pytest
import torch
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from gpslift.conditioning import text
from gpslift.conditioning.text import build_text_encoder, encode_text, lengthened, train_tokenizer

CAPTION = "A photo of the Statue of Liberty"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer([CAPTION], length=16)


@pytest.fixture(scope="module")
def encoder(tokenizer: PreTrainedTokenizerFast) -> CLIPTextModel:
    torch.manual_seed(0)
    return build_text_encoder(tokenizer, width=64, layers=1).eval()


def test_a_known_caption_takes_few_tokens_and_any_text_is_spelt_out(tokenizer: PreTrainedTokenizerFast) -> None:
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    ids = tokenizer(CAPTION).input_ids
    assert ids[0] == begin and ids[-1] == end and len(ids) <= 9
    assert tokenizer("").input_ids == [begin, end]
    assert tokenizer(CAPTION.upper()).input_ids == ids
    assert tokenizer.unk_token_id not in tokenizer("Łódź 東京").input_ids


def test_the_longest_caption_fits_whole() -> None:
    words = " ".join(f"word{number}" for number in range(30))
    tokenizer = train_tokenizer(["a photo", words])
    assert len(tokenizer(words).input_ids) == tokenizer.model_max_length > 30
    assert train_tokenizer(["a photo"]).model_max_length == 24
    assert train_tokenizer([words * 9]).model_max_length == 77


def test_words_start_far_apart(tokenizer: PreTrainedTokenizerFast, encoder: CLIPTextModel) -> None:
    """Their places in a text start with hardly a difference; words must not drown in what all texts share."""
    tokens = encode_text(tokenizer, encoder, [CAPTION, "a night in the rain"])
    assert (tokens[0, 2] - tokens[1, 2]).norm() > 0.5 * tokens[0, 2].norm()


def test_tokens_have_one_shape_and_texts_differ(tokenizer: PreTrainedTokenizerFast, encoder: CLIPTextModel) -> None:
    tokens = encode_text(tokenizer, encoder, [CAPTION, "", CAPTION])
    assert tokens.shape == (3, 16, 64)
    assert torch.equal(tokens[0], tokens[2]) and not torch.allclose(tokens[0], tokens[1])


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What gpslift has warned of since the test began; no text was named before it."""
    monkeypatch.setattr(text, "_cut_texts", set())
    caplog.set_level(logging.WARNING, logger="gpslift")
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("gpslift")]


def test_a_text_that_is_too_long_is_cut_with_one_warning(
    tokenizer: PreTrainedTokenizerFast, encoder: CLIPTextModel, warnings: Callable[[], list[str]]
) -> None:
    long = "zebra " * 30
    for _ in range(3):
        assert encode_text(tokenizer, encoder, [CAPTION, long, long]).shape == (3, 16, 64)
    (message,) = warnings()
    assert f"'{long[:60]}...' has {len(tokenizer(long).input_ids)} tokens; only the first 16 count" in message


def test_of_many_texts_that_are_too_long_the_first_are_named(
    tokenizer: PreTrainedTokenizerFast, encoder: CLIPTextModel, warnings: Callable[[], list[str]]
) -> None:
    for number in range(9):
        encode_text(tokenizer, encoder, [f"{number} zebra zebra zebra zebra zebra zebra"])
    assert [message.split()[2][1:] for message in warnings()[:5]] == ["0", "1", "2", "3", "4"]
    assert warnings()[5:] == ["more texts have over 16 tokens; they are cut too, and not named"]


def test_longer_captions_get_positions_and_shorter_ones_keep_theirs() -> None:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(["a street"])
    text_encoder = build_text_encoder(tokenizer, 32, 1).eval()
    assert lengthened(tokenizer, text_encoder, ["a street"]) is text_encoder
    before = encode_text(tokenizer, text_encoder, ["a street"])
    longer = lengthened(tokenizer, text_encoder, ["a street", "a very long street of many, many unknown words"]).eval()
    assert 24 < tokenizer.model_max_length <= 77
    after = encode_text(tokenizer, longer, ["a street"])
    assert after.shape[1] == tokenizer.model_max_length
    torch.testing.assert_close(after[:, :24], before)  # attention is causal: what is added behind changes nothing


def test_a_new_position_starts_as_the_last_one_was() -> None:
    tokenizer = train_tokenizer(["a street"])
    short = build_text_encoder(tokenizer, 32, 1)
    longer = lengthened(tokenizer, short, ["a very long street of many, many unknown words"])
    name = next(name for name in short.state_dict() if name.endswith("position_embedding.weight"))
    old, new = short.state_dict()[name], longer.state_dict()[name]
    assert len(new) > len(old) == 24 and torch.equal(new[24:], old[-1:].expand(len(new) - 24, -1))
