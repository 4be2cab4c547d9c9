"""Open-vocabulary detectors, as models with few random weights in transformers' own format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    BertTokenizerFast,
    CLIPTokenizerFast,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
)

from adagym.errors import UsageError
from adagym.tools.pointing import detectors
from adagym.tools.pointing.choose import locate

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)


def owlv2(folder: Path) -> str:
    letters = [*map(chr, range(97, 123)), *(f"{chr(letter)}</w>" for letter in range(97, 123))]
    vocabulary = {token: number for number, token in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = Owlv2Config(
        text_config={**tower, "vocab_size": len(vocabulary), "max_position_embeddings": 16}
        | {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]},
        vision_config={**tower, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    processor = Owlv2ImageProcessor(size={"height": 32, "width": 32})
    Owlv2Processor(processor, tokenizer).save_pretrained(folder)
    return f"owlv2:{folder}"


def grounding_dino(folder: Path) -> str:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "a", "red", "cup"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32)
    torch.manual_seed(0)
    config = GroundingDinoConfig(
        backbone_config={"model_type": "swin", "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2]}
        | {"window_size": 4, "out_features": ["stage2", "stage3", "stage4"], "image_size": 64},
        text_config={"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        | {"intermediate_size": 16, "vocab_size": len(words)},
        **{"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16},
        **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_queries": 6, "max_text_len": 32},
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    processor = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(processor, tokenizer).save_pretrained(folder)
    return f"grounding-dino:{folder}"


@pytest.mark.parametrize(("make", "kind"), [(owlv2, detectors.Owlv2), (grounding_dino, detectors.GroundingDino)])
def test_boxes_become_points(
    make: object, kind: type[detectors._Detector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    backend = make(tmp_path)
    monkeypatch.setattr(kind, "threshold", 0.0)  # random weights are sure of nothing
    points = locate(IMAGE, "a Red cup", backend)
    assert points
    assert all(0 <= x < 80 and 0 <= y < 48 for x, y in points)
    assert all(type(side) is int for point in points for side in point)
    assert locate(IMAGE, "a Red cup", backend) == points
    assert locate(IMAGE, "a Red cup " * 90, backend)  # far more than a model can read
    monkeypatch.setattr(kind, "threshold", 1.1)
    assert locate(IMAGE, "a Red cup", backend) == points  # remembered, not asked again
    assert locate(IMAGE[:40], "a Red cup", backend) == []
    assert locate(IMAGE, "a cup", backend) == []


def test_queries_are_written_as_the_models_were_trained() -> None:
    assert detectors.GroundingDino.query(None, "The Red cup. ") == "the red cup."
    assert detectors.Owlv2.query(None, " a red cup ") == [["a photo of a red cup"]]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="backend `owlv2` cannot load the model"):
        locate(IMAGE, "cup", f"owlv2:{tmp_path}")
