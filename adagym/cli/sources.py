"""The environments of a training run, from the command line or from a file."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from adagym.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from adagym.algos.mixture import Source
    from adagym.envs.base import ToolEnv

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "env_id": str,
    "env": dict,
    "weight": (int, float),
    "weight_end": (int, float, type(None)),
    "name": str,
}
"""Fields of a source and what JSON may hold for them."""


def env_class(env: str) -> type[ToolEnv]:
    """The class of a registered environment.

    Raises:
        UnknownName: There is none of that id.
    """
    from adagym.envs import ENVS

    return cast("type[ToolEnv]", ENVS.load(env))


def tools_argument(text: str) -> str | list[str]:
    """What an environment takes as ``tools`` for what was typed: names joined by commas, ``none``, or a backend.

    Raises:
        UnknownName: It is one word that names neither.
    """
    from adagym.tools import TOOLS
    from adagym.tools.backends import BACKENDS
    from adagym.tools.backends.offer import is_backend

    if not is_backend(text) and text not in TOOLS and "," not in text and text != "none":
        scheme = text.partition("#")[0].partition(":")[0]
        near = difflib.get_close_matches(scheme, [*TOOLS.names(), *BACKENDS.names()], n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise UnknownName(
            f"There is no tool `{scheme}`, nor a tool backend of that name.{hint} Tools: {', '.join(TOOLS.names())}. "
            f"Backends: {', '.join(BACKENDS.names())}."
        )
    return text if is_backend(text) else [] if text == "none" else text.split(",")


def one_source(env: str, arguments: Mapping[str, Any]) -> list[Source]:
    """A single environment."""
    from adagym.algos.mixture import Source

    env_class(env)
    return [Source(env, arguments)]


def read_sources(path: Path, shared: Mapping[str, Any]) -> list[Source]:
    """Read a file of sources: a JSON list of objects with the fields of :class:`~adagym.algos.mixture.Source`.

    Args:
        path: The file.
        shared: Arguments of every environment that does not say otherwise in its ``env``.

    Raises:
        UsageError: The file is missing or malformed, or names an environment or an argument that does not exist.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The sources cannot be read from `{path}`: {error.strerror}.") from None
    except ValueError as error:
        raise UsageError(f"`{path}` is not valid JSON: {error}.") from None
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"`{path}` must hold a list of sources, such as {_EXAMPLE}.")
    return [_source(entry, f"Source {number} of `{path}`", shared) for number, entry in enumerate(entries, 1)]


def evaluation_sources(sources: Sequence[Source], tasks: Sequence[str]) -> list[Source]:
    """The sources with tasks to evaluate on.

    Args:
        sources: What is trained on.
        tasks: Nothing for each environment's own default, one task source for all, or one for each in order.

    Raises:
        UsageError: There are neither none, one, nor as many task sources as sources.
    """
    if len(tasks) not in (0, 1, len(sources)):
        raise UsageError(
            f"--eval-tasks names {len(tasks)} task sources for {len(sources)} environments; give one for all, or one "
            "for each in their order."
        )
    specs = tasks if len(tasks) == len(sources) else list(tasks) * len(sources)
    specs = specs or [env_class(source.env_id).default_tasks for source in sources]
    return [replace(source, env={**source.env, "tasks": spec}) for source, spec in zip(sources, specs, strict=True)]


def plain(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """The sources as JSON values."""
    return [asdict(source) for source in sources]


_EXAMPLE = '[{"env_id": "adagym/VSPNavigation-v0", "weight": 2}, {"env_id": "adagym/VSPVerification-v0"}]'


def _source(entry: object, where: str, shared: Mapping[str, Any]) -> Source:
    from adagym.algos.mixture import Source

    if not isinstance(entry, dict) or "env_id" not in entry:
        raise UsageError(f"{where} is {entry!r:.100}; it must be an object with at least an `env_id`.")
    known = [field.name for field in fields(Source)]
    for key, value in entry.items():
        if key not in known:
            raise UsageError(f"{where} has the field `{key}`; a source knows {', '.join(known)}.")
        if not isinstance(value, _KINDS[key]) or isinstance(value, bool):
            raise UsageError(f"{where} has {value!r:.100} as its `{key}`; see {_EXAMPLE}.")
    arguments = entry.get("env", {})
    allowed = [name for name in inspect.signature(env_class(entry["env_id"])).parameters if name != "render_mode"]
    for name in arguments:
        if name not in allowed:
            raise UsageError(f"{where} gives its environment `{name}`; it takes {', '.join(allowed)}.")
    return Source(**{**entry, "env": {**shared, **arguments}})
