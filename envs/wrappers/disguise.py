"""One episode's disguise: random names and other wordings for the tools, and the way back.

After AdaReasoner's adaptive learning (arXiv 2601.18631, section 2.4;
``tool_server/tool_workers/tool_manager/base_manager_randomize.py``), where results and error texts gave the
original names away. Here they do not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from adagym.envs.wrappers.config import AdaptiveConfig
from adagym.envs.wrappers.wording import ToolWording, fill, load_library, match, replace_names
from adagym.errors import UsageError
from adagym.protocol import Dialect
from adagym.protocol.base import dumps
from adagym.tools import TOOLS
from adagym.types import Message, TextBlock, ToolCall, ToolResult, ToolSpec

ENVELOPE = ("tool_response_from", "status", "message", "error_code")
"""Fields of every result."""

_FOREIGN = "?"
"""Put before an original name that an agent writes: under a disguise it names nothing. No name begins with it."""


@dataclass(frozen=True)
class Disguise:
    """Original names and texts to those of one episode. Immutable and picklable; make one with :func:`draw`."""

    tools: Mapping[str, str]
    """Original name to current name."""
    parameters: Mapping[str, str]
    """The same for parameters; a name that several tools share is one name, and so are a name and its aliases."""
    fields: Mapping[str, str]
    """The same for the keys of results; empty where they are not disguised."""
    descriptions: Mapping[tuple[str, str], str]
    """``(tool, "")`` and ``(tool, parameter)``, original names, to what is said of it."""
    texts: Mapping[str, str]
    """Text of a result, with slots (see :mod:`adagym.envs.wrappers.wording`), to its current wording."""

    def mask_specs(self, specs: Iterable[ToolSpec]) -> tuple[ToolSpec, ...]:
        """Specs as the agent sees them."""
        return tuple(self._mask_spec(spec) for spec in specs)

    def mask_call(self, call: ToolCall) -> ToolCall:
        """A call in original names, in current ones. Other names stay."""
        arguments = {self.parameters.get(name, name): value for name, value in call.arguments.items()}
        return ToolCall(self.tools.get(call.name, call.name), arguments)

    def unmask_call(self, call: ToolCall) -> ToolCall:
        """A call that the agent wrote, in original names. Original names that it wrote become unknown ones."""
        arguments = {_unmask(name, self.parameters, self._parameters): value for name, value in call.arguments.items()}
        return ToolCall(_unmask(call.name, self.tools, self._tools), arguments)

    def mask_text(self, text: str) -> str:
        """The text of a result in current names and wording."""
        for original, wording in self.texts.items():
            values = match(original, text)
            if values is not None:
                return fill(wording, {slot: self._mask_slot(slot, value) for slot, value in values.items()})
        return replace_names(text, self._current)

    def observe(self, dialect: Dialect, result: ToolResult, image_names: Sequence[str]) -> Message:
        """What a dialect tells the agent of a result that has the original tool name and fields.

        Args:
            dialect: How results are written; fields can be disguised if the first block is the JSON envelope.
            result: The result; its message has been through :meth:`mask_text`.
            image_names: Names of ``result.images``, in order.
        """
        shown = self.tools.get(result.tool, result.tool) if result.check.known else self._plain(result.tool)
        message = dialect.observe(replace(result, tool=shown), image_names)
        first = message.content[0] if message.content else None
        if not self.fields or not isinstance(first, TextBlock):
            return message
        try:
            envelope = json.loads(first.text)
        except ValueError:  # a dialect with a form of its own
            return message
        masked = TextBlock(dumps(_rename(envelope, self.fields)))
        return Message(message.role, (masked, *message.content[1:]))

    def unmask_envelope(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """A result as an agent reads it, with the original tool name and fields."""
        original: dict[str, Any] = _rename(envelope, self._fields)
        tool = original.get(ENVELOPE[0])
        return {**original, ENVELOPE[0]: self._tools.get(tool, tool)} if isinstance(tool, str) else original

    @cached_property
    def _current(self) -> dict[str, str]:
        return {**self.parameters, **self.tools}

    @cached_property
    def _tools(self) -> dict[str, str]:
        return {current: original for original, current in self.tools.items()}

    @cached_property
    def _parameters(self) -> dict[str, str]:
        # Aliases come first among the parameters, so that what they stand for is kept.
        return {current: original for original, current in self.parameters.items()}

    @cached_property
    def _fields(self) -> dict[str, str]:
        return {current: original for original, current in self.fields.items()}

    def _mask_spec(self, spec: ToolSpec) -> ToolSpec:
        properties = {
            self.parameters[name]: {**schema, "description": self.descriptions[spec.name, name]}
            for name, schema in spec.parameters.get("properties", {}).items()
        }
        required = [self.parameters[name] for name in spec.required]
        parameters = {**spec.parameters, "properties": properties, "required": required}
        return ToolSpec(self.tools[spec.name], self.descriptions[spec.name, ""], parameters)

    def _mask_slot(self, slot: str, value: str) -> str:
        if slot == "written":
            return self._plain(value)
        if not slot.startswith("name"):
            return value
        return re.sub(r"[^\s,]+", lambda found: self._current.get(found[0], found[0]), value)

    def _plain(self, text: str) -> str:
        """Names that the agent wrote, as it wrote them."""
        marked = rf"{re.escape(_FOREIGN)}(\w+)"
        return re.sub(marked, lambda found: found[1] if found[1] in self._current else found[0], text)


def draw(rng: np.random.Generator, specs: Sequence[ToolSpec], config: AdaptiveConfig) -> Disguise:
    """Draw a disguise for a set of tools.

    Names of tools and parameters do not depend on whether fields and texts are disguised too.

    Args:
        rng: The only source of randomness.
        specs: The tools as they are.
        config: What is disguised, and how names are made.

    Raises:
        UsageError: The alphabet and length allow too few names.
        DataError: The file of paraphrases cannot be used.
    """
    library = load_library(config.paraphrases)
    tools = [spec.name for spec in specs]
    parameters = list(dict.fromkeys(name for spec in specs for name in spec.properties))
    worded = [library.tools[name] for name in tools if name in library.tools]
    fields = list(dict.fromkeys([*ENVELOPE, *(name for tool in worded for name in tool.fields)]))
    aliases = _aliases(tools)
    taken = {*tools, *parameters, *fields, *aliases}
    names = iter(_draw_names(rng, len(tools) + len(parameters) + len(fields), taken, config))
    tool_map = {name: next(names) for name in tools}
    own = {name: next(names) for name in parameters}
    parameter_map = {**{alias: own[name] for alias, name in aliases.items() if alias not in own}, **own}
    field_map = {name: next(names) for name in fields}
    hidden = {**tool_map, **parameter_map}
    places = [(spec.name, name) for spec in specs for name in ("", *spec.properties)]
    choices = [forms for spec in specs for forms in _descriptions(spec, config, hidden)]
    texts = list(library.texts.items())
    # Numbers for the texts are drawn in any case, so that the descriptions do not depend on them either.
    bounds = [len(forms) for forms in choices] + [max(len(forms), 1) for _, forms in texts]
    picks = rng.integers(bounds).tolist() if bounds else []
    descriptions = {place: forms[pick] for place, forms, pick in zip(places, choices, picks, strict=False)}
    wordings = {
        text: forms[pick] if forms else text for (text, forms), pick in zip(texts, picks[len(choices) :], strict=True)
    }
    return Disguise(
        tool_map,
        parameter_map,
        field_map if config.fields else {},
        descriptions,
        wordings if config.errors else {text: text for text, _ in texts},
    )


def _aliases(tools: Iterable[str]) -> dict[str, str]:
    """Names that no schema tells, and the parameters they stand for."""
    known = [TOOLS.load(name) for name in tools if name in TOOLS]
    return {alias: item.name for tool in known for item in tool.parameters for alias in item.aliases}


def _descriptions(spec: ToolSpec, config: AdaptiveConfig, hidden: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What may be said of a tool and of each of its parameters; its own words where the library has none."""
    wording = load_library(config.paraphrases).tools.get(spec.name, ToolWording())
    found = [wording.descriptions, *(wording.parameters.get(name) for name in spec.properties)]
    own = (spec.description, *(str(schema.get("description", "")) for schema in _schemas(spec)))
    return [forms or (replace_names(text, hidden),) for forms, text in zip(found, own, strict=True)]


def _schemas(spec: ToolSpec) -> Iterable[Mapping[str, Any]]:
    schemas: Mapping[str, Mapping[str, Any]] = spec.parameters.get("properties", {})
    return schemas.values()


def _draw_names(rng: np.random.Generator, count: int, taken: set[str], config: AdaptiveConfig) -> list[str]:
    """Different names that are none of those taken."""
    if len(config.alphabet) ** config.length < count + len(taken):
        raise UsageError(
            f"{len(config.alphabet)} characters make too few names of length {config.length} for {count} names; "
            "give a longer length or alphabet."
        )
    letters = np.array(list(config.alphabet))
    names: dict[str, None] = {}
    while len(names) < count:
        rows = letters[rng.integers(len(letters), size=(count - len(names), config.length))].tolist()
        drawn = (config.prefix + "".join(row) for row in rows)
        names.update(dict.fromkeys(name for name in drawn if name not in taken))
    return list(names)


def _unmask(written: str, current: Mapping[str, str], back: Mapping[str, str]) -> str:
    return _FOREIGN + written if written in current else back.get(written, written)


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value with its keys renamed at every depth."""
    if isinstance(value, Mapping):
        return {names.get(key, key): _rename(item, names) for key, item in value.items()}
    return [_rename(item, names) for item in value] if isinstance(value, list) else value
