"""Text tokens: a small transformer, with its tokenizer, for compact priors; Stable Diffusion's own, frozen."""

import logging
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

logger = logging.getLogger(__name__)
BEGIN, END, UNKNOWN = "<|startoftext|>", "<|endoftext|>", "<|unknown|>"
LEAST_TOKENS, MOST_TOKENS = 24, 77
HEAD_CHANNELS = 32
"""Channels of one attention head of the small text transformer."""
VOCABULARY = 4096
CUT_TEXTS_NAMED = 5
QUOTED_CHARACTERS = 60
_cut_texts: set[str] = set()
"""Texts that were said to be too long, and one more once the rest goes unnamed: a training asks for each many times."""


def train_tokenizer(captions: Sequence[str], length: int = 0) -> PreTrainedTokenizerFast:
    """A lower-case byte-pair tokenizer of the captions; texts are cut and padded to `length` tokens.

    length: 0 = as many as the longest caption has, within LEAST_TOKENS and MOST_TOKENS.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END, BEGIN, UNKNOWN], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(sorted(set(captions)), trainer)
    begin, end = tokenizer.token_to_id(BEGIN), tokenizer.token_to_id(END)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, begin), (END, end)]
    )
    longest = max((len(encoding.ids) for encoding in tokenizer.encode_batch(sorted(set(captions)))), default=0)
    length = length or min(max(longest, LEAST_TOKENS), MOST_TOKENS)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=END,
        unk_token=UNKNOWN,
        model_max_length=length,
    )


def build_text_encoder(tokenizer: PreTrainedTokenizerBase, width: int, layers: int) -> CLIPTextModel:
    """An untrained CLIP text model of `layers` layers; tokens have `width` channels, a multiple of HEAD_CHANNELS.

    Its words start as far apart as its layers can tell, unlike CLIP's, which start near zero, so that the constants of
    its layers drown them: in a short training the U-Net then never hears the text.
    """
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // HEAD_CHANNELS,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = CLIPTextModel(config)
    nn.init.normal_(model.get_input_embeddings().weight)
    return model


def lengthened(
    tokenizer: PreTrainedTokenizerBase, text_encoder: CLIPTextModel, captions: Sequence[str]
) -> CLIPTextModel:
    """The text encoder with positions for the longest of other captions, up to MOST_TOKENS; the tokenizer as long.

    A position that is new starts as the last one was. Nothing changes where all captions fit.
    """
    longest = max((len(ids) for ids in token_numbers(tokenizer, sorted(set(captions)))), default=0)
    length, more = tokenizer.model_max_length, min(longest, MOST_TOKENS) - tokenizer.model_max_length
    if more <= 0:
        return text_encoder
    tokenizer.model_max_length = length + more
    config = CLIPTextConfig(**{**text_encoder.config.to_dict(), "max_position_embeddings": length + more})
    longer = CLIPTextModel(config)
    weights = text_encoder.state_dict()
    name = next(name for name in weights if name.endswith("position_embedding.weight"))
    weights[name] = torch.cat([weights[name], weights[name][-1:].expand(more, -1)])
    longer.load_state_dict(weights)
    return longer


def token_numbers(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each text, uncut. transformers does not warn here of long ones, which no network is shown."""
    numbers: list[list[int]] = tokenizer(list(texts), verbose=False).input_ids if texts else []
    return numbers


def encode_text(tokenizer: PreTrainedTokenizerBase, text_encoder: nn.Module, prompts: Sequence[str]) -> Tensor:
    """Text tokens [B, L, C] of the prompts; a prompt over the token limit is cut, with a warning that says where."""
    limit, different = tokenizer.model_max_length, list(dict.fromkeys(prompts))
    for prompt, numbers in zip(different, token_numbers(tokenizer, different), strict=True):
        if len(numbers) > limit:
            _warn_of_cut(prompt, len(numbers), limit)
    padded = tokenizer(list(prompts), padding="max_length", truncation=True, max_length=limit, return_tensors="pt")
    device = next(text_encoder.parameters()).device
    return text_encoder(padded.input_ids.to(device))[0]


def _warn_of_cut(prompt: str, length: int, limit: int) -> None:
    """Says of the first texts, each once, that they are cut; of those after them in one line for all."""
    if prompt in _cut_texts or len(_cut_texts) > CUT_TEXTS_NAMED:
        return
    _cut_texts.add(prompt)
    if len(_cut_texts) > CUT_TEXTS_NAMED:
        logger.warning("more texts have over %d tokens; they are cut too, and not named", limit)
        return
    quote = prompt if len(prompt) <= QUOTED_CHARACTERS else f"{prompt[:QUOTED_CHARACTERS]}..."
    logger.warning("the prompt '%s' has %d tokens; only the first %d count", quote, length, limit)
