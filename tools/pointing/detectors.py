"""Open-vocabulary detectors with weights of your own, through transformers: GroundingDINO and OWLv2.

Tested on models with random weights only. ``ADAGYM_POINT=grounding-dino:FOLDER`` names a folder as
``save_pretrained`` leaves it, or a name that transformers knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from adagym.digest import image_digest
from adagym.errors import UsageError, require
from adagym.tools.memory import Memory
from adagym.tools.pointing.base import centre
from adagym.types import Array


class _Detector(ABC):
    """Points at the middles of the boxes that a model draws for a description, the surest first.

    Args:
        option: Folder or name of the model; the device follows after ``@``, for example ``FOLDER@cuda``.

    Raises:
        MissingExtra: The extra ``train`` is not installed.
        UsageError: No model was given, or it cannot be loaded.
    """

    name: str
    threshold: float
    """Least score of a box, the default of the model's processor."""

    def __init__(self, option: str = "") -> None:
        path, _, device = option.partition("@")
        if not path:
            raise UsageError(f"The pointing backend `{self.name}` needs a model; write `{self.name}:FOLDER`.")
        self._torch: Any = require("torch", "train")
        transformers = require("transformers", "train")
        try:
            self._processor = transformers.AutoProcessor.from_pretrained(path)
            model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(path)
            self._model = model.to(device or "cpu").eval()
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"The pointing backend `{self.name}` cannot load the model {path!r}: {error}") from error
        self._lock = Lock()
        self._known: Memory[tuple[str, str], list[list[int]]] = Memory(256)

    def locate(self, image: Array, description: str) -> list[list[int]] | None:
        """Middles of all boxes that reach the threshold (see ``adagym.tools.pointing.base``).

        One picture at a time: in a batch, what is found in a picture would depend on its neighbours. The last 256
        answers are remembered.
        """
        return self._known.get((image_digest(image), description), partial(self._look, image, description))

    def _look(self, image: Array, description: str) -> list[list[int]]:
        with self._lock, self._torch.inference_mode():
            # OWLv2 reads 16 tokens at most, and fails on more.
            inputs = self._processor(images=image, text=self.query(description), truncation=True, return_tensors="pt")
            inputs = inputs.to(self._model.device)
            found = self.boxes(inputs, self._model(**inputs), image.shape[:2])
        order = np.argsort(-found["scores"].cpu().numpy(), kind="stable")
        return [centre(box, image) for box in found["boxes"].cpu().numpy()[order].tolist()]

    @abstractmethod
    def query(self, description: str) -> Any:
        """The description as the processor takes it."""

    @abstractmethod
    def boxes(self, inputs: Any, outputs: Any, size: tuple[int, int]) -> Any:
        """Tensors ``boxes`` ``(n, 4)`` in pixels and ``scores`` ``(n,)`` of what the model returned."""


class GroundingDino(_Detector):
    """GroundingDINO."""

    name = "grounding-dino"
    threshold = 0.25

    def query(self, description: str) -> str:
        """In small letters with a full stop, as it was trained."""
        return f"{description.lower().strip().rstrip('.')}."

    def boxes(self, inputs: Any, outputs: Any, size: tuple[int, int]) -> Any:
        """See the base class."""
        post = self._processor.post_process_grounded_object_detection
        sizes = [size]
        return post(outputs, inputs["input_ids"], threshold=self.threshold, text_threshold=0.25, target_sizes=sizes)[0]


class Owlv2(_Detector):
    """OWLv2."""

    name = "owlv2"
    threshold = 0.1

    def query(self, description: str) -> list[list[str]]:
        """With the words it was trained on around it."""
        return [[f"a photo of {description.strip()}"]]

    def boxes(self, inputs: Any, outputs: Any, size: tuple[int, int]) -> Any:
        """See the base class."""
        post = self._processor.post_process_grounded_object_detection
        return post(outputs, threshold=self.threshold, target_sizes=[size])[0]
