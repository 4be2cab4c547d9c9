"""The embedded model's tokenizer: byte-level BPE, with coordinates and moves as single tokens.

A coordinate pair ``x, y`` of a cell centre and a move ``R,`` are one token each: on two CPU cores this was
the largest single gain in learning to copy them.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from adagym.policies.chat import CHAT_TEMPLATE

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
PADS = ("<|image_pad|>", "<|video_pad|>")
TAGS = tuple(f"<{slash}{tag}>" for tag in ("think", "tool_call", "response", "answer") for slash in ("", "/"))
CENTRES = tuple(range(32, 576, 64))
"""Cell centres of maps up to side 9 with 64-pixel cells."""
_WORDS = Regex(r" ?[\p{L}_]+|\p{N}|[^\s\p{L}\p{N}]+(?: ?[\"\[{]+)?|\s+")


def build_tokenizer(corpus: Iterable[str], vocabulary: int = 1280) -> PreTrainedTokenizerFast:
    """Train the tokenizer.

    Args:
        corpus: Texts to learn merges from.
        vocabulary: Size of the byte-pair vocabulary, before coordinates, moves and control tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(_WORDS, behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    pairs = [f"{x}, {y}" for x in CENTRES for y in CENTRES]
    words = [*pairs, *(f"{move}," for move in "LRUD"), *TAGS]
    # Not special: these are ordinary text and must survive decoding. Pairs match whole numbers only.
    tokenizer.add_tokens(
        [AddedToken(word, single_word=word in pairs, normalized=False, special=False) for word in words]
    )
    tokenizer.add_special_tokens([AddedToken(word, normalized=False, special=True) for word in (*SPECIAL, *PADS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
