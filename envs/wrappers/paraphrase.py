"""Wordings by a model: a library of paraphrases for tools that come without one.

.. code-block:: python

    paraphrase(Executor(["MyTool"]).specs, complete=lambda prompt: my_model(prompt), cache=Path("wordings.json"))
    gym.make("adagym/VSPNavigation-v0", adaptive="names,paraphrases=wordings.json")
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from adagym.envs.wrappers.wording import load_library
from adagym.errors import DataError, UsageError
from adagym.types import ToolSpec

ATTEMPTS = 5
"""How often a model is asked for the wordings of one text."""

_ASK = """Say the text below in {count} other ways, for the documentation of a function.
Write one per line, without numbers or bullets. Keep the meaning and every fact. Make the first sentence short and \
able to stand alone.{example}
Do not use these words: {names}.

{text}"""


def paraphrase(specs: Sequence[ToolSpec], complete: Callable[[str], str], cache: Path, n: int = 8) -> Path:
    """Have the descriptions of tools and their parameters paraphrased.

    What the file holds already is not asked for again, and every answer is saved at once, so an interrupted run goes on
    where it was. The keys of a tool's results, which nothing declares, can be added to the file by hand.

    Args:
        specs: The tools.
        complete: Sends a prompt to a model and returns what it says.
        cache: The JSON file to fill (:mod:`adagym.envs.wrappers.wording`).
        n: Wordings of each text.

    Returns:
        ``cache``.

    Raises:
        UsageError: The model gave too few usable wordings.
        DataError: The file exists and is not of the form.
    """
    value = _load(cache)
    for spec in specs:
        entry = value["tools"].setdefault(spec.name, {"descriptions": [], "parameters": {}, "fields": []})
        forbidden = [*(other.name for other in specs), *(name for name in spec.properties if "_" in name)]
        if len(entry["descriptions"]) < n:
            entry["descriptions"] = _ask(spec.description, complete, forbidden, n)
            _save(cache, value)
        for name, schema in spec.parameters.get("properties", {}).items():
            if len(entry["parameters"].get(name, [])) < n:
                entry["parameters"][name] = _ask(str(schema.get("description", name)), complete, forbidden, n)
                _save(cache, value)
    return cache


def usable(wording: str, original: str, forbidden: Iterable[str]) -> bool:
    """Whether a wording gives no name away and keeps the example, which tells what values look like.

    Args:
        wording: The paraphrase.
        original: What it paraphrases.
        forbidden: Names that must not occur in it as words, in whatever case.
    """
    words = "|".join(re.escape(name) for name in forbidden)
    leaks = bool(words) and re.search(rf"(?<!\w)(?:{words})(?!\w)", wording, re.IGNORECASE) is not None
    return bool(wording.strip()) and not leaks and _example(wording) == _example(original)


def _example(text: str) -> str:
    """What follows ``for example``, up to the end of the sentence."""
    return text.partition("for example ")[2].split(". ")[0].rstrip(".")


def _ask(text: str, complete: Callable[[str], str], forbidden: Sequence[str], n: int) -> list[str]:
    """Ask until there are enough different usable wordings.

    Raises:
        UsageError: There are not.
    """
    example = f' Keep "for example {_example(text)}" word for word at the end.' if _example(text) else ""
    found: dict[str, None] = {}
    for _ in range(ATTEMPTS):
        prompt = _ASK.format(count=n + 2, example=example, names=", ".join(forbidden), text=text)
        lines = (re.sub(r"^\s*(?:[-*•]|\d+[.)])\s*", "", line).strip() for line in complete(prompt).splitlines())
        found.update((line, None) for line in lines if line != text and usable(line, text, forbidden))
        if len(found) >= n:
            return list(found)[:n]
    raise UsageError(
        f"The model gave {len(found)} usable wordings of {text[:80]!r} in {ATTEMPTS} attempts, and {n} are wanted. Use "
        "another model, or a smaller n; the texts that are done are kept."
    )


def _load(cache: Path) -> dict[str, Any]:
    if not cache.exists():
        return {"tools": {}, "texts": {}}
    load_library.cache_clear()
    load_library(str(cache))  # complains about a file of another form
    value: dict[str, Any] = json.loads(cache.read_text(encoding="utf-8"))
    return value


def _save(cache: Path, value: dict[str, Any]) -> None:
    """Write beside the file and rename, so that it is old or new and never half.

    Raises:
        DataError: It cannot be written.
    """
    part = cache.with_name(cache.name + ".part")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        part.replace(cache)
    except OSError as error:
        raise DataError(f"The paraphrases cannot be written to {cache}: {error}.") from error
    load_library.cache_clear()
