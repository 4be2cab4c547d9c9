"""What readers of benchmarks share."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adagym.envs.tasks.records import (
    Record,
    Records,
    check_family,
    found_file,
    inline_options,
    letter_of,
    lettered_prompt,
    plain_options,
    read_json,
    read_records,
    some_of,
    switch,
)
from adagym.errors import DataError, UsageError
from adagym.types import Task


class Plain(Records):
    """A reader in one line."""

    def _task(self, index: int, record: Record) -> Task:
        return Task(id=f"plain/{index}", family="video_qa", prompt=record["question"].strip())


def test_records_are_a_lazy_sequence() -> None:
    tasks = Plain([{"question": "a"}, {"question": "b"}, {"question": None}], "x.json")
    assert len(tasks) == 3
    assert [task.prompt for task in tasks[:2]] == ["a", "b"]
    assert tasks[-2] == tasks[1]
    assert pickle.loads(pickle.dumps(tasks))[0] == tasks[0]
    with pytest.raises(IndexError):
        tasks[3]
    with pytest.raises(DataError, match=r"Question 2 of `x\.json` cannot be read \(AttributeError"):
        tasks[2]
    with pytest.raises(DataError, match="holds no question"):
        Plain([], "x.json")


@pytest.mark.parametrize(
    ("options", "plain"),
    [
        (["A. red", "B. blue"], ("red", "blue")),
        (["(A) red", "(B) blue"], ("red", "blue")),
        (["a) red", "B: blue"], ("red", "blue")),
        (["A. red", "blue"], ("A. red", "blue")),
        (["B. red", "A. blue"], ("B. red", "A. blue")),
        (["A", "B"], ("A", "B")),
        (["A.", "B."], ("A.", "B.")),
        ([" 3 ", 4], ("3", "4")),
        (["A dog", "B flat"], ("A dog", "B flat")),
    ],
)
def test_options_lose_their_letters_only_if_all_have_their_own(options: list[object], plain: tuple[str, ...]) -> None:
    assert plain_options(options) == plain


@pytest.mark.parametrize(
    ("text", "question", "options"),
    [
        ("Which? Options: A: left, B: right; C: up, or down", "Which?", ("left", "right", "up, or down")),
        ("Which?\nA. one\nB. two\nC. three\n\nAnswer now.", "Which?", ("one", "two", "three")),
        ("Which? (A) one (B) two", "Which?", ("one", "two")),
        ("Is vitamin A. good?\nA. yes\nB. no", "Is vitamin A. good?", ("yes", "no")),
        ("Which?\nChoices:\nA) one\nB) two", "Which?", ("one", "two")),
        ("Is A. better than C.?", "Is A. better than C.?", ()),
        ("What is it?", "What is it?", ()),
    ],
)
def test_options_in_a_text(text: str, question: str, options: tuple[str, ...]) -> None:
    assert inline_options(text) == (question, options)


@pytest.mark.parametrize(
    ("answer", "letter"), [("B", "B"), ("(b)", "B"), ("B.", "B"), (1, "B"), ("blue", "B"), (" red ", "A")]
)
def test_the_letter_of_an_answer(answer: object, letter: str) -> None:
    assert letter_of(answer, ["red", "blue"], "row 1") == letter


@pytest.mark.parametrize("answer", ["C", 2, -1, True, "", None, "green", "AB"])
def test_answers_that_are_no_option(answer: object) -> None:
    with pytest.raises(DataError, match="row 1 has 2 options and the answer"):
        letter_of(answer, ["red", "blue"], "row 1")


def test_a_letter_wins_over_a_text_and_the_first_of_equal_texts() -> None:
    assert letter_of("A", ["B", "A"], "row 1") == "A"
    assert letter_of("red", ["blue", "red", "red"], "row 1") == "B"


def test_the_prompt() -> None:
    prompt = "Which?\n(A) red\n(B) blue\nAnswer with the letter of the right option."
    assert lettered_prompt("Which?", ["red", "blue"]) == prompt


def test_records_of_every_kind_of_file(tmp_path: Path) -> None:
    rows = [{"q": "one", "a": 1, "extra": None}, {"q": "two", "a": 2, "extra": "x"}]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    for name in ("list.json", "lines.jsonl", "t.parquet", "."):
        found = read_records(tmp_path / name, ["q", "a"], ["extra", "nothing"])
        assert [(row["q"], row["a"], row["extra"]) for row in found] == [("one", 1, None), ("two", 2, "x")]
    assert set(read_records(tmp_path / "t.parquet", ["q"])[0]) == {"q"}
    with pytest.raises(DataError, match=r"Question 0 of `.*list\.json` has no 'b'; it has q, a, extra"):
        read_records(tmp_path / "list.json", ["q", "b"])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match=r"bad\.json` is not JSON"):
        read_json(tmp_path / "bad.json")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"holds none of a\.json, \*\.parquet"):
        found_file(tmp_path, "a.json", "*.parquet")
    with pytest.raises(DataError, match=r"does not exist; it should hold one of a\.json"):
        found_file(tmp_path / "no", "a.json")


def test_a_file_is_found(tmp_path: Path) -> None:
    for name in ("b.json", "c.json", "p-0.parquet", "p-1.parquet"):
        (tmp_path / name).write_text("")
    assert found_file(tmp_path / "c.json", "b.json") == tmp_path / "c.json"
    assert found_file(tmp_path, "a.json", "*.json") == tmp_path / "b.json"
    parts = found_file(tmp_path, "p-*.parquet")
    assert parts == tmp_path / "p-*.parquet", "in parts, other files left aside"
    assert found_file(tmp_path, "p-1*.parquet") == tmp_path / "p-1.parquet"


def test_options_of_sources() -> None:
    assert check_family("video_qa", "video_qa", "x") == "video_qa"
    with pytest.raises(UsageError, match="`x` holds tasks of the family `video_qa`, not `vstar`"):
        check_family("vstar", "video_qa", "x")
    assert some_of(None, ("a", "b"), "task") == ("a", "b")
    assert some_of("b-a", ("a", "b"), "task") == ("b", "a")
    with pytest.raises(UsageError, match="`task` is one of a, b, not 'c'"):
        some_of("a-c", ("a", "b"), "task")
    assert switch("True", "x") is switch(True, "x") is True
    assert switch("false", "x") is False
    with pytest.raises(UsageError, match="`x` is true or false, not 'yes'"):
        switch("yes", "x")
