"""Records of rendered pages: what can be read on a screenshot, where it is, and what it is."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adagym.errors import DataError

PACK = "pages.json.gz"
"""Records of a whole folder in one file."""
MAX_BYTES = 1 << 28
"""Largest file of records that is read, unpacked: 20,000 pages."""

Box = tuple[int, int, int, int]
"""``(x1, y1, x2, y2)`` in pixels; x2 and y2 are exclusive."""
Place = tuple[int, int, int, int]
"""Of a table's cell: number of the table on the page, row, column, number of rows of the table."""


@dataclass(frozen=True)
class Element:
    """One text of a page that can be seen whole."""

    text: str
    """As displayed, white space squeezed."""
    role: str
    """``text``, ``heading``, ``label``, ``link``, ``button``, ``menu``, ``header``, ``cell`` or ``field``."""
    box: Box
    """Around the letters."""
    control: Box | None
    """Frame of the link, button or field that the text is in."""
    lines: int
    """Number of lines it is set in."""
    group: int
    """Texts with the same number are inside one small part of the page."""
    place: Place | None = None
    label: str = ""
    """Of a field: its label."""


@dataclass(frozen=True)
class Page:
    """One screenshot and what it shows."""

    name: str
    """Name of the picture without its ending."""
    template: str
    """The kit's page it was made from, ``kit/page``."""
    size: tuple[int, int]
    """Width and height of the screenshot, pixels."""
    theme: str
    elements: tuple[Element, ...]
    others: tuple[str, ...] = ()
    """Texts that are seen in part or hardly, or that charts painted: an answer must not depend on them."""

    @property
    def split(self) -> str:
        """``train`` or ``test``, by template."""
        return split_of(self.template)


TEST = frozenset(
    """
    gentelella/calendar gentelella/contacts gentelella/form_validation gentelella/inbox gentelella/invoice
    gentelella/kanban gentelella/login gentelella/other_charts gentelella/pricing_tables gentelella/profile
    gentelella/tables gentelella/tables_dynamic gentelella/user_management gentelella/widgets
    startbootstrap-sb-admin-2/404 startbootstrap-sb-admin-2/buttons startbootstrap-sb-admin-2/cards
    startbootstrap-sb-admin-2/utilities-color
    """.split()
)
"""Templates for testing, chosen so that either split has pages for every kind of question."""


def split_of(template: str) -> str:
    """The split a template's pages belong to: by ``TEST`` for its kits, for others by a hash, a quarter for testing."""
    if template.partition("/")[0] in {known.partition("/")[0] for known in TEST}:
        return "test" if template in TEST else "train"
    return "test" if hashlib.sha256(template.encode()).digest()[0] % 4 == 0 else "train"


def element_from(value: Mapping[str, Any]) -> Element:
    """Read an element from its JSON object.

    Raises:
        KeyError: A field is missing.
    """
    return Element(
        text=value["text"],
        role=value["role"],
        box=tuple(value["box"]),
        control=tuple(value["control"]) if value["control"] else None,
        lines=value["lines"],
        group=value["group"],
        place=tuple(value["place"]) if value.get("place") else None,
        label=value.get("label", ""),
    )


def page_from(value: Mapping[str, Any], where: str) -> Page:
    """Read a page from its JSON object.

    Raises:
        DataError: A field is missing.
    """
    try:
        return Page(
            name=value["name"],
            template=value["template"],
            size=tuple(value["size"]),
            theme=value["theme"],
            elements=tuple(map(element_from, value["elements"])),
            others=tuple(value["others"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"`{where}` holds no record of a page: {error}. Make the folder with `adagym build gui`."
        ) from error


def page_to_json(page: Page) -> str:
    """Write a page as one line of JSON; fields that are empty are left out of its elements."""
    value = asdict(page)
    value["elements"] = [
        {key: item for key, item in element.items() if key not in ("place", "label") or item}
        for element in value["elements"]
    ]
    return json.dumps(value, ensure_ascii=False)


def read_pages(folder: str | Path) -> tuple[Page, ...]:
    """Read all records of a folder, by name.

    Raises:
        DataError: The folder holds none, or one cannot be read.
    """
    folder = Path(folder)
    pack = folder / PACK
    files = [pack] if pack.is_file() else sorted(folder.glob("*.json"))
    if not files:
        state = "holds no records of pages" if folder.is_dir() else "does not exist"
        raise DataError(f"`{folder}` {state}. Make it with `adagym build gui --out {folder}`.")
    pages = []
    for file in files:
        try:
            value = json.loads(_content(file))
        except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
            raise DataError(f"`{file}` cannot be read: {error}. Build the folder again.") from error
        pages += [page_from(item, str(file)) for item in (value if file == pack else [value])]
    return tuple(sorted(pages, key=lambda page: page.name))


def _content(file: Path) -> bytes:
    """A file's bytes, unpacked if it is packed; a few packed bytes may stand for any number."""
    with gzip.open(file) if file.suffix == ".gz" else open(file, "rb") as opened:
        data: bytes = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES} bytes")
    return data


def pack_pages(folder: str | Path, pages: Iterable[Page]) -> Path:
    """Write the records of a folder into one file, in place of a file for each; return its path."""
    pages = sorted(pages, key=lambda page: page.name)
    path = Path(folder) / PACK
    lines: Sequence[str] = [page_to_json(page) for page in pages]
    path.write_bytes(gzip.compress(("[" + ",\n".join(lines) + "]").encode(), mtime=0))
    for page in pages:
        (Path(folder) / f"{page.name}.json").unlink(missing_ok=True)
    return path
