"""Lines, words, reading order, and pictures of any size; the engine here is made up."""

from __future__ import annotations

import numpy as np
import pytest

from adagym.tools.reading.base import Line, Word, box_around
from adagym.tools.reading.order import rows
from adagym.tools.reading.tiles import MAX_SIDE, TILE, read_any
from adagym.tools.values import Box
from adagym.types import Array


def line(text: str, *box: int) -> Line:
    x1, y1, x2, y2 = box
    return Line.shared(text, (x1, y1, x2, y2), 0.9)


class Spots:
    """Reads a picture's dark rectangles: each is a word, named by its darkness."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def read(self, image: Array) -> list[Line]:
        self.shapes.append(image.shape)
        found = []
        for value in sorted(set(np.unique(image).tolist()) & set(range(1, 100))):
            ys, xs = np.nonzero(image[..., 0] == value)
            box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
            found.append(Word(str(value), box, 0.5))
        level: dict[int, list[Word]] = {}
        for word in found:
            level.setdefault(word.box[1], []).append(word)
        return [Line.of(sorted(words, key=lambda word: word.box[0])) for words in level.values()]


def picture(width: int, height: int, words: dict[int, Box]) -> Array:
    image = np.full((height, width, 3), 255, np.uint8)
    for value, (x1, y1, x2, y2) in words.items():
        image[y1:y2, x1:x2] = value
    return image


def test_rows_go_down_and_each_to_the_right() -> None:
    lines = [
        line("right", 200, 12, 300, 30),  # level with "left", though a little lower
        line("below", 5, 40, 60, 60),
        line("left", 10, 10, 80, 30),
        line("tall", 90, 5, 190, 62),  # shares all of the height of "left", whose middle is higher
        line("beside below", 310, 45, 400, 65),
    ]
    assert [[item.text for item in row] for row in rows(lines)] == [
        ["left", "tall", "right"],
        ["below", "beside below"],
    ]


def test_half_the_lower_height_makes_a_row() -> None:
    first, half, less = line("a", 0, 0, 9, 20), line("b", 50, 10, 59, 30), line("c", 90, 11, 99, 31)
    assert [[item.text for item in row] for row in rows([less, half, first])] == [["a", "b"], ["c"]]


def test_lines_without_height_are_rows_of_their_own() -> None:
    assert rows([]) == []
    assert len(rows([line("a", 0, 5, 9, 5), line("b", 20, 5, 29, 5)])) == 2


def test_a_line_shares_its_box_among_its_words() -> None:
    shared = line("ab cde f", 100, 0, 180, 10)  # 10 pixels a letter
    assert [(word.text, word.box) for word in shared.words] == [
        ("ab", (100, 0, 120, 10)),
        ("cde", (130, 0, 160, 10)),
        ("f", (170, 0, 180, 10)),
    ]
    assert [word.text for word in line("a a", 0, 0, 30, 10).words] == ["a", "a"]


def test_a_line_of_words_spans_them() -> None:
    made = Line.of([Word("a", (5, 8, 9, 20), 0.5), Word("b", (12, 6, 30, 18), 1.0)])
    assert (made.text, made.box, made.confidence) == ("a b", (5, 6, 30, 20), 0.75)


def test_slanted_boxes_become_upright() -> None:
    assert box_around([[2.5, 4.0], [9.2, 3.1], [9.9, 8.0], [3.0, 8.6]]) == (2, 3, 10, 9)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (900, 1), (1, 900), (600, 40), (640, 480)])
def test_engines_get_no_strips(width: int, height: int) -> None:
    reader = Spots()
    assert read_any(np.full((height, width, 3), 200, np.uint8), reader) == []
    ((high, wide, _),) = reader.shapes
    assert min(high, wide) >= 32
    assert max(high, wide) <= 3 * min(high, wide)


def test_a_widened_picture_keeps_coordinates() -> None:
    (found,) = read_any(picture(600, 40, {7: (20, 10, 50, 30)}), Spots())
    assert found.box == (20, 10, 50, 30)


def test_a_large_picture_is_read_in_tiles_each_word_once() -> None:
    words = {
        1: (10, 10, 60, 30),
        2: (1180, 500, 1240, 520),  # across the seam at 1200 pixels
        3: (1250, 500, 1300, 520),  # follows it in the next tile
        4: (2300, 500, 2390, 520),
        5: (1100, 1990, 1190, 2010),
    }
    reader = Spots()
    lines = read_any(picture(2400, 2100, words), reader)
    assert len(reader.shapes) == 4
    assert all(max(shape) <= TILE for shape in reader.shapes)
    # Word 2 is the right tile's by its middle, and so it comes with word 3 and 4 in one line.
    assert [item.text for item in lines] == ["1", "2 3 4", "5"]
    assert {int(word.text): word.box for item in lines for word in item.words} == words


def test_lines_are_joined_across_a_seam_only_if_they_touch() -> None:
    near, far = (1100, 500, 1190, 530), (1205, 500, 1300, 530)
    joined = read_any(picture(2400, 1000, {1: near, 2: far}), Spots())
    assert [(item.text, item.box) for item in joined] == [("1 2", (1100, 500, 1300, 530))]
    apart = read_any(picture(2400, 1000, {1: near, 2: (1400, 500, 1500, 530)}), Spots())
    assert [item.text for item in apart] == ["1", "2"]


def test_an_8k_picture_is_reduced_and_boxes_are_given_in_its_own_pixels() -> None:
    side = 2 * MAX_SIDE
    reader = Spots()
    (found,) = read_any(picture(side, 200, {9: (side - 120, 40, side - 20, 80)}), reader)
    assert found.box == (side - 120, 40, side - 20, 80)
    assert sum(shape[1] for shape in reader.shapes) <= MAX_SIDE + 400 * len(reader.shapes)


def test_boxes_end_at_the_edges() -> None:
    class Outside:
        def read(self, image: Array) -> list[Line]:
            return [line("x", -5, -5, image.shape[1] + 9, 20)]

    (found,) = read_any(np.zeros((64, 100, 3), np.uint8), Outside())
    assert found.box == found.words[0].box == (0, 0, 100, 20)
