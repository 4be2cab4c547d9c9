"""RapidOCR with PP-OCRv6 (small): both models ship in the wheel. The default."""

from __future__ import annotations

from threading import Lock

import numpy as np

from adagym.errors import UsageError, require
from adagym.tools.reading.base import Line, Word, box_around
from adagym.types import Array


class RapidReader:
    """An engine of the package ``rapidocr`` on ``onnxruntime``.

    Args:
        option: Must be empty: there is nothing to choose.
        threads: Processor threads of its models.

    Raises:
        MissingExtra: The extra ``ocr`` is not installed.
        UsageError: An option was given.
    """

    def __init__(self, option: str = "", threads: int = 1) -> None:
        if option:
            raise UsageError(f"The OCR engine `rapidocr` takes no option, and got {option!r}. Write `rapidocr` alone.")
        require("onnxruntime", "ocr")
        runtime = "EngineConfig.onnxruntime"
        params = {
            # Its classifier of upside-down lines turns some upright ones and loses them.
            "Global.use_cls": False,
            "Global.return_word_box": True,
            "Global.text_score": 0.0,
            "Global.log_level": "error",
            f"{runtime}.intra_op_num_threads": threads,
            f"{runtime}.inter_op_num_threads": threads,
        }
        self._engine = require("rapidocr", "ocr").RapidOCR(params=params)
        self._lock = Lock()  # a call keeps its settings in the engine

    def read(self, image: Array) -> list[Line]:
        """Read a picture (see :class:`~adagym.tools.reading.base.Reader`)."""
        with self._lock:
            output = self._engine(np.ascontiguousarray(image[..., ::-1]))
        if output.boxes is None:
            return []
        return [
            _line(text, box, float(score), words)
            for text, box, score, words in zip(
                output.txts, output.boxes, output.scores, output.word_results, strict=True
            )
            if text.strip()
        ]


def _line(text: str, corners: Array, score: float, found: tuple[tuple[str, float, Array], ...]) -> Line:
    words = tuple(Word(word, box_around(box), float(sure)) for word, sure, box in found if word.strip())
    box = box_around(corners)
    return Line(text, box, score, words) if words else Line.shared(text, box, score)
