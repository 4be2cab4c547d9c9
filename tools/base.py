"""What a tool is: one typed, documented function, from which its schema is derived."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from adagym.errors import UsageError
from adagym.tools.values import BOOLEAN, INTEGER, TEXT, Kind
from adagym.types import Array, ToolSpec

_PLAIN = {str: TEXT, int: INTEGER, bool: BOOLEAN}


@dataclass(frozen=True)
class ToolOutput:
    """What a tool function returns."""

    data: Mapping[str, Any] = field(default_factory=dict)
    """JSON values."""
    images: tuple[Array, ...] = ()
    message: str = ""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a tool."""

    name: str
    kind: Kind
    description: str
    required: bool
    default: Any = None
    aliases: tuple[str, ...] = ()
    """Other names that are understood and that no schema tells."""


@dataclass(frozen=True)
class Tool:
    """A tool that models can call.

    Make one with :meth:`of`. The function raises :class:`~adagym.errors.ToolError` for what the model should
    read; any other exception is a bug and voids the episode.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., ToolOutput]
    online: bool = False
    """Whether AdaReasoner ran it as a server (its released reward scored those by another rule)."""
    slow: bool = False
    """Whether a call may take so long that what came of it is worth remembering."""
    check: Callable[..., object] | None = None
    """Takes what the function takes and raises the ToolError that the function would raise for values that cannot be
    used, without doing its work. None: values that can be read can be used."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description and JSON schema, as a model sees them."""
        properties = {item.name: {**item.kind.schema, "description": item.description} for item in self.parameters}
        required = [item.name for item in self.parameters if item.required]
        schema = {"type": "object", "properties": properties, "required": required}
        return ToolSpec(self.name, self.description, schema)

    def named(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments under the parameters' own names; an alias counts where the name itself is not given."""
        own = {alias: item.name for item in self.parameters for alias in item.aliases if item.name not in arguments}
        return {own.pop(name, name): value for name, value in arguments.items()} if own else arguments

    @classmethod
    def of(
        cls,
        function: Callable[..., ToolOutput],
        name: str,
        *,
        online: bool = False,
        slow: bool = False,
        check: Callable[..., object] | None = None,
        aliases: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Tool:
        """Derive a tool from a function's signature and Google-style docstring.

        Args:
            function: Does the work.
            name: What models call it.
            online: See the field.
            slow: See the field.
            check: See the field.
            aliases: Parameter to other names of it, which are understood and which no schema tells.

        Raises:
            UsageError: A parameter has no known type or no description, or the docstring is missing.
        """
        description, arguments = _read_docstring(inspect.getdoc(function) or "")
        if not description:
            raise UsageError(f"The tool `{name}` needs a docstring that says what it does.")
        hints = get_type_hints(function, include_extras=True)
        parameters = []
        for parameter in inspect.signature(function).parameters.values():
            kind = _kind(hints.get(parameter.name))
            if kind is None:
                raise UsageError(
                    f"Parameter `{parameter.name}` of the tool `{name}` is of type {hints.get(parameter.name)}; use "
                    "str, int, bool, or a type of `adagym.tools.values`."
                )
            if parameter.name not in arguments:
                raise UsageError(f"Describe parameter `{parameter.name}` of the tool `{name}` under `Args:`.")
            required = parameter.default is inspect.Parameter.empty
            default = None if required else parameter.default
            others = (aliases or {}).get(parameter.name, ())
            parameters.append(Parameter(parameter.name, kind, arguments[parameter.name], required, default, others))
        return cls(name, description, tuple(parameters), function, online, slow, check)


def _kind(hint: Any) -> Kind | None:
    if get_origin(hint) is Annotated:
        return next((extra for extra in get_args(hint)[1:] if isinstance(extra, Kind)), None)
    if get_origin(hint) in (UnionType, Union):
        kinds = [_kind(part) for part in get_args(hint) if part is not type(None)]
        return kinds[0] if len(kinds) == 1 else None
    return _PLAIN.get(hint)


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description, and the text of each entry under ``Args:``."""
    sections = re.split(r"^(Args|Returns|Raises):\n", text, flags=re.MULTILINE)
    found = dict(zip(sections[1::2], sections[2::2], strict=True))
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", found.get("Args", ""), re.MULTILINE)
    return _one_line(sections[0]), {name: _one_line(body) for name, body in entries}


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "").split())
