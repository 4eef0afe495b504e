"""A small tokenizer in the four files that Stable Diffusion's folders have: CLIP's, with four merges."""

import json
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
MERGES = [("p", "h"), ("ph", "o"), ("pho", "t"), ("phot", "o</w>")]


def write_clip_tokenizer(folder: Path) -> int:
    """Writes the files, and returns how many tokens there are: bytes, bytes that end a word, "photo", two marks."""
    folder.mkdir(parents=True)
    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, MERGES), BEGIN, END]
    special = {"bos_token": BEGIN, "eos_token": END, "unk_token": END, "pad_token": END}
    settings = special | {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True}
    contents = {
        "vocab.json": {token: number for number, token in enumerate(tokens)},
        "special_tokens_map.json": special,
        "tokenizer_config.json": settings,
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    merges = "\n".join(" ".join(pair) for pair in MERGES)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    return len(tokens)
