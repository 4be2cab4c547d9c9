"""How the figures of each benchmark script are shown: which stand in a table together, and which in a chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """A table of figures whose names have two parts, one for the line and one for the column."""

    title: str
    pattern: str
    """Of the whole name, with the groups ``row`` and ``column``."""


@dataclass(frozen=True)
class Chart:
    """A bar chart of figures."""

    title: str
    """With the unit."""
    pattern: str
    """Of the whole name, with the group ``row`` and, where there are several series, ``column``."""
    mark: float | None = None
    """A figure at which a line is drawn."""


@dataclass(frozen=True)
class Layout:
    """The page of one script. Figures that are in none of its tables are in a plain one below."""

    title: str
    chief: Mapping[str, str]
    """Figures for the page that lists all, each to a phrase with a place for it."""
    grids: tuple[Grid, ...] = ()
    charts: tuple[Chart, ...] = ()


_CALLS = ("Calls per second, by the number of clients", r"(?P<row>.+)_(?P<column>\d+)_calls_per_s")
_MEDIANS = ("Milliseconds of a call, median, by the width of the picture", r"(?P<row>.+)_(?P<column>\w+)_median_ms")

LAYOUTS: dict[str, Layout] = {
    "adapters": Layout(
        "Adapters",
        {"added_ms_numeric": "{} ms for numbers instead of texts", "added_ms_sb3": "{} ms for Stable-Baselines3"},
        (Grid("Added to a step", r"added_(?P<column>ms|share)_(?P<row>.+)"),),
        (Chart("Milliseconds added to a step", r"added_ms_(?P<row>.+)"),),
    ),
    "chaos": Layout(
        "Tool servers in trouble",
        {"worker_kills": "{} workers killed", "different": "{} episodes disturbed"},
        (Grid("Seconds to recover", r"seconds_to_recover_after_(?P<row>\w+)_(?P<column>median|max)"),),
    ),
    "collect": Layout(
        "Collecting episodes",
        {"model_share": "{} of the time is the model's"},
        charts=(Chart("Seconds of collecting", r"seconds_(?P<row>model|envs|tokenisation|pixels|other)"),),
    ),
    "env_speed": Layout(
        "Environment steps",
        {"ratio_vs_gymnasium": "{} times as many steps as FrozenLake"},
        (
            Grid(
                "By the side of the map",
                r"(?P<row>steps_per_second|gymnasium_steps_per_second|ratio)_(?P<column>\d+x\d+)",
            ),
        ),
        (Chart("Steps per second", r"(?P<row>(?:gymnasium_)?steps_per_second)_(?P<column>\d+x\d+)"),),
    ),
    "eval_overhead": Layout(
        "Overhead of an evaluation",
        {"wall_over_ideal": "{} times the endpoint's time", "peak_mb_10k": "{} MB for 10,000 episodes"},
    ),
    "fuzz": Layout(
        "Fuzzing",
        {"broken": "{} targets broken"},
        (Grid("By target", r"(?P<row>.+?)_(?P<column>seconds|branches_first|branches)"),),
    ),
    "grpo_vs_trl": Layout(
        "GRPO beside TRL",
        {
            "rollout_ratio": "{} times TRL's speed of rollouts",
            "update_ratio": "{} times its speed of updates",
            "memory_ratio": "{} times its memory",
        },
        (
            Grid("Ours over TRL's", r"(?P<row>\w+?_ratio(?:_above_load)?)(?P<column>|_lowest|_highest)"),
            Grid("Both sides", r"(?P<column>ours|trl)_(?P<row>(?!version$|loss$).+)"),
        ),
        (Chart("Speed, ours over TRL's", r"(?P<row>(?:rollout|update)(?:_cpu)?_ratio)", 1.0),),
    ),
    "hostile": Layout(
        "Hostile actions",
        {"actions": "{} actions", "exceptions": "{} exceptions"},
        charts=(Chart("What actions were read as", r"read_as_(?P<row>.+)"),),
    ),
    "import_time": Layout(
        "Importing",
        {"ratio_vs_gymnasium": "{} times the time of Gymnasium alone"},
        charts=(Chart("Milliseconds to import", r"(?P<row>.+)_ms"),),
    ),
    "kill_resume": Layout(
        "Killing and resuming",
        {"kills": "killed {} times", "equal_weights": "the same weights: {} (1 is yes)"},
    ),
    "ocr": Layout(
        "Reading screens",
        {"rapidocr_recall": "{} of the words by rapidocr"},
        (Grid("By engine", r"(?P<row>[a-z]+)_(?P<column>recall|strict|seconds)"),),
        (Chart("Seconds per screen", r"(?P<row>[a-z]+)_seconds"),),
    ),
    "parity": Layout("Parity", {"differences": "{} differences"}),
    "pointing": Layout(
        "Pointing",
        {"objects_2560_hits": "{} of the objects hit at 2560 pixels"},
        (Grid("By backend and width of the picture", r"(?P<row>.+?)_(?P<column>hits|right|seconds|absent_silent)"),),
        (Chart("Seconds per question", r"(?P<row>.+)_seconds"),),
    ),
    "soak": Layout("Many episodes at a time", {"lost": "{} episodes lost", "differing": "{} played otherwise alone"}),
    "tool_server": Layout(
        "Tool servers",
        {"http_vs_fastmcp": "{} times the calls of fastmcp", "worker_overhead_ms": "{} ms added by a worker"},
        (
            Grid(*_CALLS),
            Grid("Milliseconds of a call, median", r"(?P<row>.+)_(?P<column>\d+)_median_ms"),
            Grid("Milliseconds of a call, 99th percentile", r"(?P<row>.+)_(?P<column>\d+)_p99_ms"),
        ),
        (Chart(*_CALLS),),
    ),
    "tools": Layout(
        "Tools",
        {"crop_ratio_8k": "{} times a bare crop", "insert_ratio_8k": "{} times a bare insertion"},
        (
            Grid(*_MEDIANS),
            Grid("Milliseconds of a call, 95th percentile", r"(?P<row>.+)_(?P<column>\w+)_p95_ms"),
        ),
        (Chart(*_MEDIANS),),
    ),
    "video": Layout(
        "Videos",
        {
            "first_observation_ratio": "fastest other: {} times ours to the first frames",
            "frame_at_ratio": "{} times ours to one more",
            "peak_mb_1h": "{} MB for an hour",
        },
        (
            Grid("Milliseconds, median", r"(?P<column>ours|opencv|pyav|decord)_(?P<row>.+)_ms"),
            Grid(
                "The fastest other one over ours", r"(?P<row>first_observation|frame_at)(?P<column>|_cpu|_shown)_ratio"
            ),
        ),
        (
            Chart("Milliseconds to a first observation", r"(?P<row>ours|opencv|pyav|decord)_first_observation_ms"),
            Chart("Milliseconds to a frame not shown before", r"(?P<row>ours|opencv|pyav|decord)_frame_at_ms"),
        ),
    ),
    "vstar_memory": Layout(
        "Memory of visual search",
        {"episode_mb": "{} MB"},
        charts=(Chart("Peak of memory in MB", r"(?P<row>imports|reset|episode)_mb"),),
    ),
}
"""Script to its page; a test holds this to the scripts that there are."""
