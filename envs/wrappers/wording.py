"""The wordings a disguise chooses from: descriptions of tools and parameters, and texts of results.

A library is a JSON file of the form ::

    {"tools": {TOOL: {"descriptions": [...], "parameters": {PARAMETER: [...]}, "fields": [...]}},
     "texts": {TEXT: [...]}}

where ``fields`` are the keys of the tool's results. A text has slots: those called ``{name}``, ``{name2}``,
``{names}``, ... hold names of tools and parameters, ``{written}`` names that the agent wrote and that do not exist,
any other is carried over as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from adagym.errors import DataError

SHIPPED = Path(__file__).with_name("paraphrases")
"""The library that comes with the package: a folder with one file per tool, and one for the texts they share."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class ToolWording:
    """What may be said of one tool."""

    descriptions: tuple[str, ...] = ()
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    """Keys of the tool's results, nested ones included."""


@dataclass(frozen=True)
class Library:
    """A library of wordings."""

    tools: Mapping[str, ToolWording]
    texts: Mapping[str, tuple[str, ...]]
    """Original text with slots to its paraphrases, which have the same slots."""


@lru_cache(maxsize=16)
def load_library(path: str | None = None) -> Library:
    """Read a library; read once per process.

    Args:
        path: A JSON file of the module's form. What it leaves out is taken from the shipped one; None: that alone.

    Raises:
        DataError: The file is missing or not of the form.
    """
    if path is None:
        parts = [_read(file) for file in sorted(SHIPPED.glob("*.json"))]
        shipped = {name: tool for part in parts for name, tool in part.tools.items()}
        return Library(shipped, {text: forms for part in parts for text, forms in part.texts.items()})
    base, own = load_library(), _read(Path(path))
    tools = {name: _joined(base.tools.get(name, ToolWording()), tool) for name, tool in own.tools.items()}
    return Library({**base.tools, **tools}, {**base.texts, **own.texts})


def _read(path: Path) -> Library:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        tools = {name: _tool(entry) for name, entry in value["tools"].items()}
        texts = {text: _strings(forms) for text, forms in value.get("texts", {}).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"The paraphrases {path} cannot be used ({type(error).__name__}: {error}); give a JSON file as "
            "adagym.envs.wrappers.paraphrase writes it."
        ) from error
    for text, forms in texts.items():
        wrong = next((form for form in forms if slots(form) != slots(text)), None)
        if wrong is not None:
            raise DataError(f"The paraphrase {wrong!r} in {path} must have the slots of {text!r}, each once.")
    return Library(tools, texts)


def _joined(base: ToolWording, own: ToolWording) -> ToolWording:
    fields = tuple(dict.fromkeys((*base.fields, *own.fields)))
    return ToolWording(own.descriptions or base.descriptions, {**base.parameters, **own.parameters}, fields)


def _tool(entry: Mapping[str, Any]) -> ToolWording:
    parameters = {name: _strings(forms) for name, forms in entry.get("parameters", {}).items()}
    return ToolWording(_strings(entry.get("descriptions", [])), parameters, _strings(entry.get("fields", [])))


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ValueError(f"{value!r:.80} is not a list of texts")
    return tuple(value)


def slots(text: str) -> list[str]:
    """The slots of a text, sorted."""
    return sorted(_SLOT.findall(text))


def match(template: str, text: str) -> dict[str, str] | None:
    """What stands in a template's slots, or None if the text is another one."""
    found = _pattern(template).fullmatch(text)
    return None if found is None else found.groupdict()


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with its slots filled. Braces in the values stay as they are."""
    return _SLOT.sub(lambda slot: values[slot[1]], template)


def replace_names(text: str, names: Mapping[str, str]) -> str:
    """Replace names in a text that no template describes.

    A name between backticks is replaced, and so is one that can only be a name (it holds an underscore, a digit or a
    capital after the first letter) wherever it stands. Other names are also plain words, such as ``image``, and
    stay where they are one.
    """
    if not names:
        return text
    replaced: Callable[[re.Match[str]], str] = lambda found: names[found[0]]  # noqa: E731  (typed)
    return _names_pattern(tuple(names)).sub(replaced, text)


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    parts = _SLOT.split(template)
    # One name holds no backtick and no space, so that text quoted in a later slot is never taken for one.
    kinds = [r"(?P<%s>[^\s`]+)" if re.fullmatch(r"name\d*", slot) else r"(?P<%s>.*)" for slot in parts[1::2]]
    groups = [kind % slot for kind, slot in zip(kinds, parts[1::2], strict=True)]
    literals = [re.escape(literal) for literal in parts[::2]]
    joined = "".join(literal + group for literal, group in zip(literals, [*groups, ""], strict=True))
    return re.compile(joined, re.DOTALL)


@lru_cache(maxsize=64)
def _names_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    sure = [re.escape(name) for name in longest_first if re.search(r"_|\d|(?<=.)[A-Z]", name)]
    quoted = [rf"(?<=`){re.escape(name)}(?=`)" for name in longest_first]
    return re.compile("|".join([*quoted, *(rf"(?<!\w){name}(?!\w)" for name in sure)]))
