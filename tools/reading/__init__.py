"""OCR engines behind one interface, by name."""

from __future__ import annotations

from collections.abc import Callable

from adagym.registry import Registry
from adagym.tools.reading.base import Line, Reader, Word

READERS: Registry[Callable[[str, int], Reader]] = Registry("reader")
"""Each makes an engine of an option (the text after the colon) and a number of threads."""
READERS.register("rapidocr", "adagym.tools.reading.rapidocr:RapidReader", summary="PP-OCRv6; the default")
READERS.register("easyocr", "adagym.tools.reading.easyocr:EasyReader", summary="CRAFT and a recogniser of English")
READERS.register("tesseract", "adagym.tools.reading.tesseract:TesseractReader", summary="the system's command")

__all__ = ["READERS", "Line", "Reader", "Word"]
