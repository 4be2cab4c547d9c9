"""OCR: the tool, its engines and its memory."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adagym.errors import InfraError, MissingExtra, UnknownName, UsageError
from adagym.tools import ocr
from adagym.tools.executor import Executor
from adagym.tools.memory import Memory
from adagym.tools.ocr import read_text
from adagym.tools.reading import READERS
from adagym.tools.reading.base import Line
from adagym.tools.reading.tesseract import TesseractReader, _lines
from adagym.types import Array, ToolCall


def page() -> Array:
    image = Image.new("RGB", (420, 150), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(22)
    draw.text((250, 90), "Cancel", font=font, fill="darkred")
    draw.text((12, 90), "Save draft", font=font, fill="black")
    draw.text((12, 20), "Total price: 42.50", font=font, fill="black")
    return np.asarray(image)


class Fixed:
    """An engine that says the same, and counts."""

    calls = 0

    def __init__(self, option: str = "", threads: int = 1) -> None:
        self.said = f"{option} {threads}"

    def read(self, image: Array) -> list[Line]:
        type(self).calls += 1
        return [
            Line.shared("unsure", (0, 40, 30, 60), 0.249),
            Line.shared(self.said, (5, 60, 50, 80), 0.25),
            Line.shared("top", (5, 2, 50, 20), 0.987),
        ]


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> type[Fixed]:
    """``fixed`` is an engine's name in this test."""
    monkeypatch.setattr(Fixed, "calls", 0)
    module = ModuleType("made_up_reader")
    module.Fixed = Fixed
    monkeypatch.setitem(sys.modules, "made_up_reader", module)
    monkeypatch.setattr(READERS, "_entries", dict(READERS._entries))
    READERS.register("fixed", "made_up_reader:Fixed", summary="for tests")
    monkeypatch.setattr(ocr, "_readings", Memory(2))
    ocr._engine.cache_clear()
    return Fixed


def test_rapidocr_reads_a_page_in_order() -> None:
    lines = read_text(page(), "rapidocr")
    assert [line.text for line in lines] == ["Total price: 42.50", "Save draft", "Cancel"]
    assert [word.text for word in lines[0].words] == ["Total", "price:", "42.50"]
    for line, (x, y) in zip(lines, [(12, 20), (12, 90), (250, 90)], strict=True):
        x1, y1, x2, y2 = line.box
        assert abs(x1 - x) < 8
        assert y - 4 < y1 < y2 < y + 36
        assert line.confidence > 0.8
        for word in line.words:
            assert x1 - 8 <= word.box[0] < word.box[2] <= x2 + 8
    assert read_text(page(), "rapidocr") is lines


def test_the_tool_returns_detections(fixed: type[Fixed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAGYM_OCR", "fixed:abc")
    result = Executor(["OCR"]).run(ToolCall("OCR", {"image": "img_1"}), {"img_1": np.zeros((90, 90, 3), np.uint8)})
    assert result.ok
    assert result.data == {
        "detections": [
            {"text": "top", "confidence": 0.99, "box": [5, 2, 50, 20]},
            {"text": "abc 1", "confidence": 0.25, "box": [5, 60, 50, 80]},
        ]
    }


def test_readings_are_remembered_by_picture_and_engine(fixed: type[Fixed]) -> None:
    one, two, three = (np.full((40, 40, 3), value, np.uint8) for value in (1, 2, 3))
    for image in (one, one.copy(), two, one):
        read_text(image, "fixed")
    assert fixed.calls == 2
    read_text(one, "fixed:other")
    assert fixed.calls == 3
    read_text(three, "fixed")  # forgets picture two, and by now also picture one
    read_text(one, "fixed")
    assert fixed.calls == 5


def test_threads_come_from_the_environment(fixed: type[Fixed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAGYM_OCR_THREADS", "3")
    assert [line.text for line in read_text(page(), "fixed:x")] == ["top", "x 3"]
    monkeypatch.setenv("ADAGYM_OCR_THREADS", "many")
    with pytest.raises(UsageError, match="ADAGYM_OCR_THREADS is 'many'; set it to a number"):
        read_text(page(), "fixed:y")


def test_an_unknown_engine_is_the_callers_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAGYM_OCR", "rapidocx")
    with pytest.raises(UnknownName, match=r"no reader `rapidocx`\. Did you mean `rapidocr`"):
        Executor(["OCR"]).run(ToolCall("OCR", {"image": "img_1"}), {"img_1": np.zeros((40, 40, 3), np.uint8)})


@pytest.mark.parametrize(
    ("name", "module", "message"),
    [
        ("rapidocr", "onnxruntime", r"`onnxruntime` is not installed.*pip install 'adagym\[ocr\]'"),
        ("rapidocr", "rapidocr", r"`rapidocr` is not installed.*pip install 'adagym\[ocr\]'"),
        ("easyocr", "easyocr", r"`easyocr` is not installed.*pip install 'adagym\[easyocr\]'"),
    ],
)
def test_a_missing_extra_is_named(name: str, module: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def absent(wanted: str, package: str | None = None) -> ModuleType:
        if wanted == module:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real(wanted, package)

    reader = READERS.load(name)
    monkeypatch.setattr("adagym.errors.importlib.import_module", absent)
    with pytest.raises(MissingExtra, match=message):
        reader("", 1)


def test_rapidocr_takes_no_option() -> None:
    with pytest.raises(UsageError, match="takes no option, and got 'x'"):
        READERS.load("rapidocr")("x", 1)


def test_easyocr_wants_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adagym.tools.reading.easyocr.require", lambda module, extra: ModuleType(module))
    (tmp_path / "english_g2.pth").touch()
    with pytest.raises(UsageError, match=r"lacks craft_mlt_25k.pth. Put EasyOCR's weights there"):
        READERS.load("easyocr")(str(tmp_path), 1)


def command(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``tesseract`` be a shell script."""
    path = folder / "tesseract"
    path.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_tesseract_is_called_and_its_table_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = r"5\t1\t1\t1\t1\t1\t20\t40\t60\t30\t96.5\tword"
    command(tmp_path, f'printf "head\\n{row}\\n"; echo "$* $OMP_THREAD_LIMIT" > {tmp_path}/asked', monkeypatch)
    (line,) = TesseractReader("deu", 2).read(np.zeros((60, 80, 3), np.uint8))
    assert (line.text, line.box, line.confidence) == ("word", (10, 20, 40, 35), 0.965)
    assert (tmp_path / "asked").read_text() == "stdin stdout --psm 11 -l deu tsv 2\n"


def test_a_failing_tesseract_voids_the_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path, "echo no such language >&2; exit 1", monkeypatch)
    with pytest.raises(InfraError, match="tesseract failed: no such language"):
        TesseractReader("xyz").read(np.zeros((60, 80, 3), np.uint8))


def test_without_tesseract_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtra, match="apt install tesseract-ocr"):
        TesseractReader()


def test_tesseracts_words_make_lines() -> None:
    table = "\n".join(
        [
            "level\tpage\tblock\tpar\tline\tword\tleft\ttop\twidth\theight\tconf\ttext",
            "4\t1\t1\t1\t1\t0\t0\t0\t200\t20\t-1\t",
            "5\t1\t1\t1\t1\t1\t0\t0\t80\t20\t90\tTotal",
            "5\t1\t1\t1\t1\t2\t100\t0\t100\t20\t80\tprice",
            "5\t1\t1\t1\t1\t3\t210\t0\t10\t20\t30\t ",
            "5\t1\t1\t1\t2\t1\t0\t40\t40\t20\t70\tSave",
        ]
    )
    lines = _lines(table)
    assert [(line.text, line.box) for line in lines] == [("Total price", (0, 0, 100, 10)), ("Save", (0, 20, 20, 30))]
    assert lines[0].confidence == pytest.approx(0.85)
