"""GetStartPoint, GetEndPoint and GetObstacles read maps; GetWeather invents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adagym.envs.tiles import MapImage
from adagym.tools.drawing import COLOURS
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["GetStartPoint", "GetEndPoint", "GetObstacles", "GetWeather"]).run
MAP = MapImage(("SFF", "FHF", "HFG")).load()
GREY: Array = np.full((128, 192, 3), 90, np.uint8)


def get(what: str, image: Array = MAP) -> ToolResult:
    return RUN(ToolCall(f"Get{what}", {"image": "img_1"}), {"img_1": image})


@pytest.mark.parametrize(
    ("what", "data", "message"),
    [
        ("StartPoint", {"start_point": [32, 32]}, ""),
        ("EndPoint", {"end_point": [160, 160]}, ""),
        ("Obstacles", {"obstacles": [[96, 96], [32, 160]]}, "Detected 2 obstacle(s)"),
    ],
)
def test_cells_of_a_map(what: str, data: dict[str, Any], message: str) -> None:
    result = get(what)
    assert (result.data, result.message) == (data, message)
    (points,) = ([points] if isinstance(points[0], int) else points for points in data.values())
    starred = (result.images[0] == COLOURS["green"]).all(-1)
    assert all(starred[y, x] for x, y in points)
    assert not starred[96, 160]


@pytest.mark.parametrize("what", ["StartPoint", "EndPoint", "Obstacles"])
def test_a_picture_without_a_map_is_not_a_safe_one(what: str) -> None:
    result = get(what, GREY)
    assert (result.error_code, result.message) == (203, "No map detected in the image of 192x128 pixels.")
    assert result.check.valid == ("image",)


def test_what_a_map_lacks() -> None:
    empty = MapImage(("FF", "FF")).load()
    assert get("StartPoint", empty).message == "No starting position detected in the image."
    assert get("EndPoint", empty).message == "No goal detected in the image."
    result = get("Obstacles", empty)
    assert (result.ok, result.data, result.images, result.message) == (
        True,
        {"obstacles": []},
        (),
        "Detected 0 obstacle(s)",
    )


def weather(**arguments: Any) -> ToolResult:
    return RUN(ToolCall("GetWeather", arguments), {})


def test_weather_is_invented_and_says_so() -> None:
    result = weather(location="Paris", date="2024-03-15")
    assert result.message == "This weather is invented."
    assert result.data == {"condition": "rain", "lowest": 17, "highest": 25, "wind_kmh": 12}
    assert weather(location=" paris ", date="2024-03-15").data == result.data
    assert weather(location="Paris", date="2024-03-15", unit="Fahrenheit").data == {
        **result.data,
        "lowest": 63,  # 17 * 9 / 5 + 32 = 62.6
        "highest": 77,
    }
    days = {str(weather(location="Paris", date=f"2024-03-{day}").data) for day in range(10, 30)}
    assert len(days) > 15
    assert weather(location="Paris").data == weather(location="Paris", date=None).data


@pytest.mark.parametrize(
    "date", ["today", "2024-02-30", "2024-3-5", "20240315", "2024-W11-5", "\N{DEVANAGARI DIGIT TWO}024-03-15"]
)
def test_dates_that_do_not_exist(date: str) -> None:
    result = weather(location="Paris", date=date)
    assert (result.error_code, result.message) == (201, f"`date` must be a date like 2024-03-15, not {date!r}.")


def test_other_units_are_refused() -> None:
    message = "`unit` must be one of celsius, fahrenheit, not 'kelvin'."
    assert weather(location="Paris", unit="kelvin").message == message
