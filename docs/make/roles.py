"""Docstrings as Markdown: Sphinx's roles become links to the API pages, and code directives code blocks."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|meth|func|mod|data|attr|exc):`~?([\w.]+)`")
_CODE = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)


class Roles(griffe.Extension):
    """Rewrites every docstring before it is shown; see the module."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value, obj)


def markdown(text: str, scope: griffe.Object) -> str:
    """A docstring as Markdown.

    Args:
        text: The docstring, without its indentation.
        scope: Where its short names are looked up.
    """
    blocks = _CODE.sub(lambda found: f"```{found[1]}\n{textwrap.dedent(found[2]).strip()}\n```\n", text + "\n")
    return _ROLE.sub(lambda found: _link(found[1], scope), blocks).rstrip()


def _link(name: str, scope: griffe.Object) -> str:
    target = name
    if not name.startswith("adagym."):
        try:
            target = scope.resolve(name)
        except griffe.NameResolutionError:
            target = f"{scope.path}.{name}"
    shown = name.rpartition(".")[2] if name.startswith("adagym.") else name
    # Optional: not every module has a page.
    return f'<autoref identifier="{target}" optional><code>{shown}</code></autoref>'
