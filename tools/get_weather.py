"""GetWeather: invented weather. A tool that helps with no picture, to see whether an agent leaves it alone.

AdaReasoner invents it too, but its values differ between processes and depend on the clock. Here they follow from the
place and the date alone, and the tool says that they are invented.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date as Date

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.values import invalid

_CONDITIONS = {"sunny": (15, 25), "cloudy": (10, 20), "rain": (8, 18), "fog": (2, 12), "snow": (-10, 0)}
"""What it may be like, and between what the lowest temperature then lies, in degrees Celsius."""
_UNITS = ("celsius", "fahrenheit")


def get_weather(location: str, date: str | None = None, unit: str = "celsius") -> ToolOutput:
    """Get invented weather for a place and a date. It is made up and always the same for the same place and date.

    Args:
        location: The place, for example Paris, Lima or Oslo.
        date: The date, for example 2024-03-15. Without one the weather is that of no particular day.
        unit: celsius or fahrenheit.
    """
    day = _day(location, date, unit)
    place = " ".join(location.casefold().split())
    drawn = hashlib.blake2b(f"{place} {day}".encode(errors="surrogatepass"), digest_size=4).digest()
    condition = list(_CONDITIONS)[drawn[0] % len(_CONDITIONS)]
    low, high = _CONDITIONS[condition]
    lowest = low + drawn[1] % (high - low + 1)
    degrees = [lowest, lowest + 5 + drawn[2] % 8]
    if unit.lower() == "fahrenheit":
        degrees = [round(value * 9 / 5 + 32) for value in degrees]
    data = {"condition": condition, "lowest": degrees[0], "highest": degrees[1], "wind_kmh": 5 + drawn[3] % 26}
    return ToolOutput(data, message="This weather is invented.")


def _day(location: str, date: str | None, unit: str) -> str:
    if unit.lower() not in _UNITS:
        raise invalid(f"`unit` must be one of {', '.join(_UNITS)}, not {unit[:40]!r}.", "unit")
    return "" if date is None else _read_date(date)


def _read_date(text: str) -> str:
    try:
        # Python 3.11 reads more forms than 3.10.
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip(), re.ASCII):
            raise ValueError
        return Date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise invalid(f"`date` must be a date like 2024-03-15, not {text[:40]!r}.", "date") from None


GET_WEATHER = Tool.of(get_weather, "GetWeather", check=_day)
