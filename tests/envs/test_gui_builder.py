"""Rendering screens: what can be checked without a browser, and one page with the system's Chromium if there is one."""

from __future__ import annotations

import io
import json
import re
import shutil
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.cli import main
from adagym.envs.tasks.gui import builder
from adagym.envs.tasks.gui.builder import contrast, find_browser, open_kit, page_script
from adagym.envs.tasks.gui.content import fill, rewrite
from adagym.envs.tasks.gui.pages import read_pages
from adagym.envs.tasks.gui.server import drawn_picture, serve
from adagym.errors import UsageError

LICENCE = "MIT License\n\nPermission is hereby granted, free of charge, to any person\n"
PAGE = """<!doctype html><html><body style="font:16px sans-serif;color:#000;background:#fff;margin:20px">
<h1>Annual report</h1><img src="face.jpg" width="40"><table><tr><th>Name</th><th>Age</th></tr>{rows}</table>
<label for="mail" style="display:block">Email</label><input id="mail" type="email"><button>Save changes</button>
<p style="color:#fefefe">nobody sees this</p><p style="position:absolute;left:-50px">cut off at the left</p>
<p style="margin-top:2000px">far below</p></body></html>"""
ROWS = "".join(
    f"<tr><td>Item {letter}</td><td>{number}</td></tr>" for letter, number in zip("KLMN", "3579", strict=True)
)


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"name": "tiny-kit", "version": "1.2.3"}))
    (folder / "LICENSE").write_text(LICENCE)
    (folder / "home.html").write_text(PAGE.format(rows=ROWS))
    return folder


def texts(*words: str, role: str = "text", icon: bool = False) -> list[dict[str, object]]:
    return [{"text": word, "role": role, "icon": icon} for word in words]


def test_numbers_and_dates_keep_their_form() -> None:
    old = ["$1,234.50", "45%", "Invoice #4521", "Jan 04, 2026", "2011/06/07", "10:45", "v4", "3 of 20", "100%"]
    forms = [
        r"\$[1-9],\d{3}\.\d\d",
        r"[1-9]\d%",
        r"\w+ #\d{4}",
        r"[A-Z][a-z]{2} \d\d, 20\d\d",
        r"20\d\d/[01]\d/[0-2]\d",
    ]
    forms += [r"1?\d:[0-5]\d", "v4", r"[1-9] of [1-9]\d", "100%"]
    for seed in range(20):
        new = rewrite(texts(*old), np.random.default_rng(seed))
        assert all(re.fullmatch(form, text) for form, text in zip(forms, new, strict=True)), new
    assert rewrite(texts(*old), np.random.default_rng(1)) == rewrite(texts(*old), np.random.default_rng(1))


def test_people_keep_one_name_and_words_change_places() -> None:
    new = rewrite(texts("John Doe", "John wrote", "Revenue", "Income", "REVENUE"), np.random.default_rng(4))
    assert new[0].split()[0] == new[1].split()[0] != "John"
    assert new[2] != new[3]
    assert new[4] == new[2].upper()


def test_icons_and_page_numbers_stay() -> None:
    rng = np.random.default_rng(0)
    assert rewrite(texts("12", icon=True) + texts("12", role="button"), rng) == ["12", "12"]


def test_fields_are_filled_by_their_kind() -> None:
    fields = [{"type": "email", "label": ""}, {"type": "number", "label": ""}, {"type": "text", "label": "Full name"}]
    seen = [fill(fields, np.random.default_rng(seed)) for seed in range(40)]
    for column, form in enumerate((r"[a-z]+\.[a-z]+@example\.com", r"\d{1,4}", r"[A-Z][a-z]+ [A-Z][a-z]+")):
        written = [row[column] for row in seen if row[column]]
        assert 20 <= len(written) < 40
        assert all(re.fullmatch(form, text) for text in written)


def test_contrast_is_that_of_wcag() -> None:
    picture = np.full((20, 60, 3), 255, np.uint8)
    picture[5:15, 10:20] = 0
    assert contrast(picture, (0, 0, 60, 20)) == pytest.approx(21, rel=0.05)
    picture[5:15, 10:20] = 0xBB
    assert 1.5 < contrast(picture, (0, 0, 60, 20)) < 2.1
    assert contrast(picture, (30, 0, 60, 20)) == pytest.approx(1, abs=0.05)
    assert contrast(picture, (5, 5, 5, 9)) == 1


def test_the_server_replaces_pictures_and_nothing_else(kit: Path) -> None:
    (kit / "face.jpg").write_bytes(b"a portrait")
    with serve(kit) as address:
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}/home.html") as reply:
            assert reply.read().decode() == (kit / "home.html").read_text()
        with urllib.request.urlopen(f"{address}/face.jpg?v=2") as reply:
            assert reply.read() == drawn_picture("/face.jpg")
    assert Image.open(io.BytesIO(drawn_picture("/face.jpg"))).size == (160, 120)
    assert drawn_picture("/face.jpg") != drawn_picture("/other.jpg")


def test_a_kit_is_opened(kit: Path) -> None:
    opened = open_kit(kit)
    assert (opened.name, opened.version, opened.site, opened.pages) == ("tiny-kit", "1.2.3", kit, ("home.html",))
    (kit / "dist" / "production").mkdir(parents=True)
    (kit / "dist" / "production" / "b.html").touch()
    assert (open_kit(kit).site, open_kit(kit).pages) == (kit / "dist", ("production/b.html",))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("LICENSE", "GNU General Public License", "no file with the MIT licence"),
        ("package.json", "[]", "no usable package.json"),
        ("home.html", None, "holds no dist/production"),
    ],
)
def test_what_is_no_kit_is_refused(kit: Path, file: str, content: str | None, message: str) -> None:
    (kit / file).unlink()
    if content is not None:
        (kit / file).write_text(content)
    with pytest.raises(UsageError, match=message):
        open_kit(kit)


def test_a_missing_browser_is_named(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builder.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="apt-get install chromium"):
        find_browser()
    with pytest.raises(UsageError, match="`firefox` is no program"):
        find_browser("firefox")
    assert main(["build", "gui", "--kit", str(kit), "--n", "1", "--out", str(tmp_path / "out")]) == 2
    assert "needs Chromium" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--n", "0"], ["--seed", "-1"], ["--out", "{kit}"]])
def test_unusable_options_are_refused(kit: Path, tmp_path: Path, options: list[str]) -> None:
    words = [option.format(kit=kit) for option in options]
    assert main(["build", "gui", "--kit", str(kit), "--out", str(tmp_path / "out"), *words]) == 2


def test_the_page_script_is_shipped() -> None:
    script = page_script()
    assert all(f"{name}" in script for name in ("window.__adagym", "texts", "rewrite", "asked", "fill", "read"))


def render_tiny_page(kit: Path, out: Path) -> None:
    """What a browser makes of the page above."""
    assert main(["build", "gui", "--kit", str(kit), "--n", "1", "--out", str(out)]) == 0
    (page,) = read_pages(out)
    assert page.template == "tiny-kit/home"
    with Image.open(out / f"{page.name}.webp") as picture:
        assert picture.size == page.size
    found = {element.text: element for element in page.elements}
    assert {"Name", "Age", "Email", "Save changes"} <= set(found)
    assert not {"nobody sees this", "cut off at the left", "far below"} & set(found)
    assert "nobody sees this" in page.others
    assert found["Age"].place == (0, 0, 1, 5)
    button = found["Save changes"]
    assert button.role == "button"
    assert button.control is not None
    assert button.control[0] <= button.box[0] < button.box[2] <= button.control[2]


def test_a_browser_renders_a_page_or_its_absence_is_told(kit: Path, tmp_path: Path) -> None:
    """With Chromium installed this renders; without, the error is what a user gets. Neither is passed over."""
    if any(map(shutil.which, builder.BROWSERS)):
        render_tiny_page(kit, tmp_path / "out")
    else:
        with pytest.raises(UsageError, match="needs Chromium"):
            find_browser()
