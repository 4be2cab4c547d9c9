"""Questions about screens, against a page written by hand, and the pages that come with the package."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.gui.pages import Element, Page, pack_pages, page_from, page_to_json, read_pages, split_of
from adagym.envs.tasks.gui.questions import KINDS, Question, beside, read_amount, write_question
from adagym.envs.tasks.gui.source import EMBEDDED
from adagym.envs.tasks.gui.wording import TEMPLATES, read_options, read_question
from adagym.errors import DataError, UsageError
from adagym.rewards.accuracy import RULES
from adagym.testing import check_task_source


def element(text: str, role: str, x: int, y: int, width: int = 60, **rest: object) -> Element:
    """A text 14 pixels high with its left upper corner at ``(x, y)``."""
    fields: dict[str, object] = {"control": None, "lines": 1, "group": x + 1000 * y, **rest}
    return Element(text, role, (x, y, x + width, y + 14), **fields)


def button(text: str, x: int, y: int) -> Element:
    return element(text, "button", x, y, control=(x - 8, y - 8, x + 68, y + 22))


def hand_page(*more: Element, others: tuple[str, ...] = ()) -> Page:
    """Two cards, a field, four buttons and a table of three rows."""
    rows = [("Ada", "31", "$5"), ("Bela", "40", "$1,200"), ("Carla", "7", "$30.50")]
    table = [
        element(text, "header" if row == 0 else "cell", 300 + 100 * column, 200 + 30 * row, place=(0, row, column, 4))
        for row, line in enumerate([("Name", "Age", "Paid"), *rows])
        for column, text in enumerate(line)
    ]
    return Page(
        "hand-0",
        "hand/page",
        (800, 600),
        "light",
        (
            element("Revenue", "text", 20, 20),
            element("$340", "text", 20, 40),
            element("Visits", "text", 220, 20),
            element("12", "text", 220, 40),
            element("Email", "label", 20, 100),
            element("dora@example.com", "field", 30, 125, control=(20, 118, 200, 148), label="Email *"),
            *(button(text, 20 + 100 * place, 400) for place, text in enumerate(("Cancel", "Apply", "Back", "Help me"))),
            *table,
            *more,
        ),
        others,
    )


def drawn(page: Page, kind: str, n: int = 60) -> list[Question]:
    """Different questions of a kind."""
    found = (write_question(page, kind, np.random.default_rng(seed)) for seed in range(n))
    return list({question.text: question for question in found if question is not None}.values())


def facts(page: Page, kind: str) -> set[tuple[str, ...]]:
    """What the questions of a kind name, and the answer."""
    told = set()
    for question in drawn(page, kind):
        read = read_question(question.text)
        assert read is not None
        assert read[0] == kind
        told.add((*(value for key, value in sorted(read[1].items())), question.answer))
    return told


def test_values_stand_beside_their_label() -> None:
    # Sorted by part: label, side. Nothing else on the page has a label directly above it.
    assert facts(hand_page(), "value") == {("Revenue", "below", "$340"), ("Visits", "below", "12")}


def test_fields_are_named_by_their_label() -> None:
    assert facts(hand_page(), "field") == {("Email", "dora@example.com")}


def test_cells_are_named_by_row_and_column() -> None:
    assert facts(hand_page(), "cell") == {
        ("Age", "Ada", "31"),
        ("Age", "Bela", "40"),
        ("Age", "Carla", "7"),
        ("Paid", "Ada", "$5"),
        ("Paid", "Bela", "$1,200"),
        ("Paid", "Carla", "$30.50"),
    }


def test_totals_are_sums_of_one_unit() -> None:
    told = facts(hand_page(), "total")
    assert ("Age", "Bela", "Ada", "71") in told
    assert ("Paid", "Ada", "Carla", "35.50") in told
    assert ("Paid", "Carla", "Bela", "1230.50") in told
    # $340 and 12 differ in unit and are never added up.
    assert not [fact for fact in told if "Revenue" in fact or "Visits" in fact]


def test_comparisons_offer_each_row_once_and_name_the_largest() -> None:
    largest = {"Age": "Bela", "Paid": "Bela"}
    for question in drawn(hand_page(), "compare"):
        assert sorted(question.choices) == ["Ada", "Bela", "Carla"]
        assert read_options(question.text) == question.choices
        read = read_question(question.text)
        assert read is not None
        assert question.choices["ABC".index(question.answer)] == largest[read[1]["column"]]


def test_where_asks_for_the_box_of_the_words() -> None:
    told = facts(hand_page(), "where")
    assert ("Revenue", "[20, 20, 80, 34]") in told
    assert ("Carla", "[300, 290, 360, 304]") in told
    assert len(told) == len({fact[0] for fact in told})


def test_press_offers_four_frames_and_one_is_right() -> None:
    page = hand_page()
    frames = {
        item.text: json.dumps(list(item.control)) for item in page.elements if item.role == "button" and item.control
    }
    labels = set()
    for question in drawn(page, "press"):
        read = read_question(question.text)
        assert read is not None
        labels.add(read[1]["label"])
        assert sorted(question.choices) == sorted(frames.values())
        assert question.choices["ABCD".index(question.answer)] == frames[read[1]["label"]]
    assert labels == set(frames)


@pytest.mark.parametrize(
    ("more", "others"),
    [
        ((element("Total revenue", "text", 600, 20),), ()),  # inside another text
        ((element("RE-VENUE", "text", 600, 20),), ()),  # the same to the eye
        ((), ("Revenue",)),  # cut off, or painted by a chart
    ],
)
def test_a_label_that_is_seen_twice_is_not_named(more: tuple[Element, ...], others: tuple[str, ...]) -> None:
    page = hand_page(*more, others=others)
    for kind in KINDS:
        for question in drawn(page, kind):
            assert '"Revenue"' not in question.text
    assert ("Visits", "below", "12") in facts(page, "value")


def test_a_value_with_a_rival_as_near_is_not_asked_for() -> None:
    page = hand_page(element("9", "text", 262, 43, 10))
    visits = next(item for item in page.elements if item.text == "Visits")
    assert beside(page.elements, visits, "below") is None
    assert "Visits" not in {fact[0] for fact in facts(page, "value")}


def test_a_page_without_room_gives_no_question() -> None:
    bare = Page("bare-0", "hand/bare", (100, 100), "light", (element("7", "text", 1, 1),))
    assert [write_question(bare, kind, np.random.default_rng(0)) for kind in KINDS] == [None] * len(KINDS)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$1,234.50", (Decimal("1234.50"), "$")),
        ("45%", (Decimal(45), "%")),
        ("7", (Decimal(7), "")),
        ("1,23", None),
        ("3k", None),
        ("5 of 9", None),
        ("", None),
    ],
)
def test_amounts(text: str, amount: object) -> None:
    assert read_amount(text) == amount


@pytest.mark.parametrize("kind", KINDS)
def test_every_wording_is_read_again(kind: str) -> None:
    values = {"side": "to the right of", "purpose": 'open "Files"'}
    for template in TEMPLATES[kind]:
        names = [part.split("}")[0] for part in template.split("{")[1:]]
        parts = {name: values.get(name, f"The {name}") for name in names}
        read = read_question(f"Something before.\n{template.format(**parts)}\nA. [1, 2, 3, 4]")
        assert read is not None
        assert read[0] == kind
        expected = {**parts, **({"side": "right"} if "side" in parts else {})}
        assert read[1] == {**expected, **({"label": "Files"} if kind == "press" else {})}


def test_other_prompts_are_not_read() -> None:
    assert read_question("Is the plan safe?") is None


def test_records_survive_writing_and_reading(tmp_path: Path) -> None:
    page = hand_page(others=("1 of 2",))
    assert page_from(json.loads(page_to_json(page)), "here") == page
    (tmp_path / "hand-0.json").write_text(page_to_json(page), "utf-8")
    assert read_pages(tmp_path) == (page,)
    pack_pages(tmp_path, [page])
    assert [path.name for path in tmp_path.iterdir()] == ["pages.json.gz"]
    assert read_pages(tmp_path) == (page,)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "holds no records"), ("{}", "holds no record of a page"), ("[", "cannot be read")]
)
def test_damaged_records_are_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_pages(tmp_path)


def test_the_splits_share_no_template() -> None:
    pages = read_pages(EMBEDDED)
    assert len(pages) >= 150
    templates = {split: {page.template for page in pages if page.split == split} for split in ("train", "test")}
    assert not templates["train"] & templates["test"]
    assert min(map(len, templates.values())) >= 10
    assert {split_of(f"another-kit/{page}") for page in "abcdefghijklmnop"} == {"train", "test"}


def test_every_record_fits_its_picture() -> None:
    for page in read_pages(EMBEDDED):
        width, height = page.size
        assert (EMBEDDED / f"{page.name}.webp").is_file()
        assert len(page.elements) >= 12
        for item in page.elements:
            for x1, y1, x2, y2 in filter(None, (item.box, item.control)):
                assert 0 <= x1 < x2 <= width
                assert 0 <= y1 < y2 <= height
            assert item.text == " ".join(item.text.split())
            assert any(map(str.isalnum, item.text))


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_source_is_stable_and_its_answers_are_right(split: str) -> None:
    tasks = load_tasks(f"gui:n=140,split={split}", "gui_qa")
    check_task_source(tasks, "gui_qa", limit=14)
    for task in tasks:
        assert task.split == split == task.id.split("/")[1]
        assert RULES[task.answer_type](task, task.answer) in (True, 1.0)
        read = read_question(task.prompt)
        assert read is not None
        assert read[0] == task.meta["kind"]
    assert [task.meta["kind"] for task in tasks[:7]] == list(KINDS)
    assert tasks[5].prompt != load_tasks(f"gui:n=140,split={split},seed=1", "gui_qa")[5].prompt


def test_letters_of_the_right_options_are_spread() -> None:
    answers = [task.answer for task in load_tasks("gui:n=200,kinds=press", "gui_qa")]
    assert all(30 <= answers.count(letter) <= 70 for letter in "ABCD")


def test_a_picture_has_the_size_of_its_record() -> None:
    task = load_tasks("gui:n=1", "gui_qa")[0]
    width, height = task.meta["size"]
    assert task.images[0].load().shape == (height, width, 3)


@pytest.mark.parametrize(
    ("spec", "family", "error", "message"),
    [
        ("gui:n=0", "gui_qa", UsageError, "n of at least 1"),
        ("gui:n=few", "gui_qa", UsageError, "not a number"),
        ("gui:split=val", "gui_qa", UsageError, "`split` is one of train, test, not 'val'"),
        ("gui:kinds=value-colour", "gui_qa", UsageError, "`kinds` is one of value, field"),
        ("gui:n=5", "jigsaw", UsageError, "of the family `gui_qa`, not `jigsaw`"),
        ("gui:/no/such/folder", "gui_qa", DataError, "adagym build gui"),
    ],
)
def test_mistakes_are_named(spec: str, family: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_tasks(spec, family)


def test_a_folder_without_room_for_a_kind_is_refused(tmp_path: Path) -> None:
    page = Page("x-0", "gentelella/calendar", (100, 100), "light", (element("Revenue", "text", 1, 1),))
    (tmp_path / "x-0.json").write_text(page_to_json(page), "utf-8")
    assert len(load_tasks(f"gui:{tmp_path},n=3,kinds=where", "gui_qa")) == 3
    with pytest.raises(DataError, match="has room for a question `cell`"):
        load_tasks(f"gui:{tmp_path},kinds=cell", "gui_qa")
    with pytest.raises(DataError, match="no pages of the split train"):
        load_tasks(f"gui:{tmp_path},split=train", "gui_qa")
