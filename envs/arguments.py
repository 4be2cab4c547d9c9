"""What an environment may be made with, as far as all families share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from adagym.errors import UsageError

ToolImages = bool | Literal["named"]
"""Whether pictures made by tools are shown and addressable; ``"named"`` is addressable only."""


def check_arguments(
    max_turns: int, prompt: str, tool_images: object, render_mode: str | None, render_modes: Sequence[str]
) -> None:
    """Check what would otherwise fail in the middle of an episode.

    Raises:
        UsageError: An argument is out of range.
    """
    if isinstance(max_turns, bool) or not isinstance(max_turns, int) or max_turns < 1:
        raise UsageError(f"max_turns must be an integer of at least 1, not {max_turns!r}.")
    if prompt not in ("full", "brief"):
        raise UsageError(f'prompt must be "full" or "brief", not {prompt!r}.')
    if not isinstance(tool_images, bool) and tool_images != "named":
        raise UsageError(f'tool_images must be True, False or "named", not {tool_images!r}.')
    if render_mode is not None and render_mode not in render_modes:
        raise UsageError(f"render_mode must be None or one of {', '.join(render_modes)}, not {render_mode!r}.")
