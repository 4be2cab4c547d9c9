"""Tokens and pixels: pads per picture, caches, decoding."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from adagym.policies import encoding
from adagym.policies.encoding import Encoder
from adagym.policies.hf import HFPolicy
from adagym.types import Array, ImageBlock, Message, TextBlock


def picture(height: int, width: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture
def encoder(policy: HFPolicy) -> Encoder:
    return Encoder(policy.processor, "<|image_pad|>", 2)


@pytest.mark.parametrize(("height", "width", "pads"), [(64, 64, 1), (192, 192, 9), (128, 320, 10), (576, 576, 81)])
def test_a_cell_of_64_pixels_is_one_token(encoder: Encoder, height: int, width: int, pads: int) -> None:
    image = picture(height, width)
    assert encoder.grid(image) == (1, height // 32, width // 32)
    assert encoder.pads(image) == pads
    message = Message("user", (ImageBlock("img_1", image), TextBlock("Where?")))
    assert int((encoder.prompt([message]).ids == encoder.image_token_id).sum()) == pads


def test_pads_stand_where_their_pictures_do(encoder: Encoder) -> None:
    small, large = picture(64, 128), picture(192, 64)
    blocks = (TextBlock("a"), ImageBlock("img_1", small), TextBlock("b"), ImageBlock("img_2", large))
    chunk = encoder.prompt([Message("user", blocks)])
    pads = (chunk.ids == encoder.image_token_id).astype(int)
    borders = np.flatnonzero(np.diff(pads, prepend=0, append=0))
    assert (borders[1::2] - borders[::2]).tolist() == [2, 3]
    assert [image.shape for image in chunk.images] == [small.shape, large.shape]


def test_pixels_are_found_by_content(encoder: Encoder) -> None:
    image = picture(128, 128)
    first = encoder.pixels(image)
    assert encoder.pixels(image.copy()) is first
    assert encoder.pixels(picture(128, 128, seed=1)) is not first
    assert first.values.shape == (16, 3 * 32 * 32)


def test_a_digest_never_outlives_its_array(encoder: Encoder) -> None:
    for seed in range(50):  # arrays of one size tend to take the place of the last one
        image = picture(64, 64, seed)
        assert encoder.digest(image) == encoder.digest(image.copy())
        del image
    gc.collect()
    assert len(encoder._digests) == 0


def test_the_pixel_cache_is_bounded(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    size = encoder.pixels(picture(64, 64)).values.nbytes
    monkeypatch.setattr(encoding, "_PIXEL_CACHE_BYTES", 3 * size)
    images = [picture(64, 64, seed) for seed in range(6)]
    for image in images:
        encoder.pixels(image)
    assert len(encoder._pixels) == 3
    fresh = Encoder(encoder.chat._processor, "<|image_pad|>", 2)
    assert torch.equal(encoder.pixels(images[0]).values, fresh.pixels(images[0]).values)
    assert encoder.grid(images[1]) == (1, 2, 2)


def test_text_comes_back_without_control_tokens(encoder: Encoder) -> None:
    text = '<think>Gehe à 5.</think><tool_call>{"x": [[96, 32]]}</tool_call>'
    ids = encoder.text(text).tolist()
    assert encoder.decode([*ids, int(encoder.tokenizer.eos_token_id)]) == text


def test_an_end_token_that_was_sampled_is_not_repeated(encoder: Encoder) -> None:
    eos = int(encoder.tokenizer.eos_token_id)
    reply = [Message("user", (TextBlock("Go on."),))]
    whole, rest = encoder.between(reply, last=0), encoder.between(reply, last=eos)
    assert whole.ids[0] == eos
    assert whole.ids[1:].tolist() == rest.ids.tolist()


def test_a_forgotten_picture_keeps_its_grid(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(128, 192, seed=5)
    grid, digest = encoder.pixels(image).grid, encoder.digest(image)
    encoder.forget(digest)
    encoder.forget(digest)
    assert digest not in encoder._pixels
    monkeypatch.setattr(encoder, "_image_processor", None)
    assert encoder.grid(image) == grid
