"""The folder of a run: ``config.json`` says what was asked, so that only the same run goes on in it.

An evaluation keeps its episodes in ``episodes.jsonl``, each once: what infrastructure voided is dropped when the run is
resumed, because it is played again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from adagym.errors import DataError, UsageError
from adagym.evals.summary import EpisodeFacts, facts
from adagym.evals.usage import USAGE, EpisodeUsage, Key, read_usage, write_usage
from adagym.store import read_records

CONFIG = "config.json"
EPISODES = "episodes.jsonl"
SUMMARY = "summary.json"


def check_folder(out: Path, config: Mapping[str, Any], results: str, resume: bool, told: Collection[str] = ()) -> None:
    """Check that the folder is free, or holds the run to resume. Nothing is written.

    Args:
        out: The run folder.
        config: What is asked now; JSON values.
        results: Name of the file whose presence without ``config.json`` means that something else lives here.
        resume: Whether to go on with the run in the folder.
        told: Keys of the configuration that may differ, because they tell of the run and do not ask for anything.

    Raises:
        UsageError: It is neither.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; give a folder for the run.")
    check_place(out)
    path = out / CONFIG
    if not path.is_file():
        if (out / results).exists():
            raise UsageError(f"{out} holds {results} without its {CONFIG}; choose another folder.")
        return
    if not resume:
        raise UsageError(f"{out} already holds a run; resume it with --resume, or choose another folder.")
    saved = read_json(path)
    asked = json.loads(json.dumps(config))
    keys = (asked.keys() | saved.keys()) - set(told)
    differing = sorted(key for key in keys if asked.get(key) != saved.get(key))
    if differing:
        changes = "; ".join(f"{key} was {saved.get(key)!r}, now {asked.get(key)!r}" for key in differing)
        raise UsageError(f"{out} holds another run ({changes}); repeat its arguments, or choose another folder.")


def check_place(out: Path) -> None:
    """Check that a file or folder can be written or made, before the work is done that goes there.

    Raises:
        UsageError: It cannot, as far as can be told without trying.
    """
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if there != out and not there.is_dir():
        raise UsageError(f"{out} cannot be made, because {there} is a file; choose another place.")
    if not os.access(there, os.W_OK):
        raise UsageError(f"{there} cannot be written to; choose another place, or change its permissions.")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: The file is missing, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); give the folder of a run.") from None
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON ({error}); choose another folder.") from None
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no JSON object; choose another folder.")
    return value


def read_facts(path: Path) -> Iterator[EpisodeFacts]:
    """The facts of every saved episode; pictures are not opened.

    Raises:
        DataError: The file is missing or damaged.
    """
    for _, trajectory in read_records(path):
        yield facts(trajectory)


def keep_finished(
    out: Path, wanted: Callable[[Key], bool]
) -> tuple[dict[Key, EpisodeFacts], dict[Key, EpisodeUsage], dict[Key, EpisodeUsage]]:
    """Reduce the files of a stopped run to the episodes that need not be played again, each once.

    Args:
        out: The run folder; with or without episodes.
        wanted: Whether an episode is one of the run's.

    Returns:
        The kept episodes' facts, what they used, and what the dropped ones used before they were voided.

    Raises:
        DataError: A file is damaged.
    """
    path = out / EPISODES
    used = read_usage(out / USAGE)
    kept: dict[Key, EpisodeFacts] = {}
    voided: dict[Key, EpisodeUsage] = {}
    lines: list[tuple[int, int]] = []
    place = 0
    if path.is_file():
        with path.open("rb") as file:
            for line, episode in zip(file, read_facts(path), strict=False):  # a torn last line has no facts
                key = episode.id, episode.seed
                if episode.failed:
                    voided[key] = used.get(key, EpisodeUsage(*key))
                elif wanted(key) and key not in kept:
                    kept[key] = episode
                    lines.append((place, len(line)))
                place += len(line)
        if sum(size for _, size in lines) != path.stat().st_size:
            _rewrite(path, lines)
    if out.is_dir():
        write_usage(out / USAGE, [used[key] for key in kept if key in used])
    spent = {key: usage for key, usage in voided.items() if key not in kept}
    return kept, {key: used[key] for key in kept if key in used}, spent


def _rewrite(path: Path, lines: list[tuple[int, int]]) -> None:
    """Keep some lines of a file, so that a reader sees the old file or the new one, also after a power cut."""
    part = path.with_name(path.name + ".part")
    with path.open("rb") as source, part.open("wb") as target:
        for place, size in lines:
            source.seek(place)
            target.write(source.read(size))
        target.flush()
        os.fsync(target.fileno())
    part.replace(path)
