"""The form: what to do, a field for each parameter, completion, and what is wrong with an entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Select, Static, TextArea

from adagym.agents.fields import Field, fields_of, fill_in
from adagym.errors import UsageError
from adagym.protocol import DIALECTS, Dialect
from adagym.protocol.tags import NO_THOUGHT
from adagym.types import Array, ParsedAction, Task, ToolSpec

ANSWER, RAW = "answer", "raw text"
"""What can be done besides calling a tool; no tool has a name with a blank, or in lower case."""
THOUGHT = "thought"
LABEL = 16
"""Most columns for the name of a field."""


class ActionForm(Vertical):
    """Asks for one action."""

    class Sent(Message):
        """The player has written an action."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Wanted(Message):
        """Another field is filled in now; it may be picked on the picture."""

        def __init__(self, field: Field | None) -> None:
            super().__init__()
            self.field = field

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tools: dict[str, ToolSpec] = {}
        self._images: list[str] = []
        self._sizes: dict[str, tuple[int, ...]] = {}
        self._problem: Task | None = None
        self._dialect: Dialect = DIALECTS.load("adareasoner")
        self._field: Field | None = None

    def compose(self) -> ComposeResult:
        """A list of what can be done, the fields, help on the current one, and the button."""
        with Horizontal(id="what"):
            yield Select[str]([(ANSWER, ANSWER)], allow_blank=False, compact=True, id="action")
            yield Button("Send", id="send", compact=True, variant="primary")
        yield VerticalScroll(id="fields", can_focus=False)
        yield Static(id="about", markup=False)

    async def equip(self, tools: Sequence[ToolSpec], images: Mapping[str, Array], task: Task, dialect: str) -> None:
        """Offer what can be done at this moment; what was typed stays while the tools are the same."""
        self._problem, self._dialect, self._images = task, DIALECTS.load(dialect), list(images)
        self._sizes = {name: image.shape for name, image in images.items()}
        if self._tools and {tool.name: tool for tool in tools} == self._tools:
            self._refresh_completions()
            return
        self._tools = {tool.name: tool for tool in tools}
        await self._choose(next(iter(self._tools), ANSWER), options=True)

    async def load(self, action: ParsedAction) -> None:
        """Fill in an action, for example a hint."""
        if action.call is not None and action.call.name in self._tools:
            await self._choose(action.call.name)
            entries = {name: _written(value) for name, value in action.call.arguments.items()}
        elif action.answer is not None:
            await self._choose(ANSWER)
            entries = {ANSWER: action.answer}
        else:
            await self._choose(RAW)
            self.query_one("#raw", TextArea).text = action.text
            return
        for name, text in {**entries, THOUGHT: action.think.removeprefix(NO_THOUGHT)}.items():
            for entry in self._inputs():
                if entry.name == name:
                    entry.value = text

    def put(self, values: Sequence[int], picture: str) -> bool:
        """Fill the current field, or the first empty one that fits, with a place; False where none does.

        Args:
            values: ``x, y`` or ``x1, y1, x2, y2``.
            picture: Where it was picked; a field for a picture follows, unless it names one of the same size.
        """
        spots = {item.name: item for item in self._fields() if item.spot in (_KINDS[len(values)])}
        entries = {entry.name: entry for entry in self._inputs() if entry.name in spots}
        current = None if self._field is None else entries.get(self._field.name)
        entry = current or next((entry for entry in entries.values() if not entry.value), None)
        if entry is None or entry.name is None:
            return False
        text = ", ".join(map(str, values))
        if spots[entry.name].spot in ("points", "boxes"):
            places = entry.value.strip()
            places = places[1:-1] if places.startswith("[[") else places
            text = f"{places}, [{text}]" if places else f"[{text}]"
        entry.value = text
        for item in self._fields():
            if item.takes_image:
                self._follow(item.name, picture)
        return True

    def focus_fields(self) -> None:
        """Go to the first field that is empty, or else to the button."""
        empty = next((entry for entry in self._inputs() if not entry.value and entry.name != THOUGHT), None)
        raw = self.query("#raw")
        (empty or (raw.first() if raw else self.query_one("#send"))).focus()

    @on(Select.Changed, "#action")
    async def _show_chosen(self, event: Select.Changed) -> None:
        if event.value != self._shown:
            await self._show_fields(str(event.value))

    @on(Input.Submitted)
    def _go_on(self, event: Input.Submitted) -> None:
        event.stop()
        later = self._inputs()[self._inputs().index(event.input) + 1 :]
        empty = [entry for entry in later if not entry.value and self._is_required(entry.name)]
        if empty:
            empty[0].focus()
        else:
            self.send()

    @on(Button.Pressed, "#send")
    def send(self) -> None:
        """Write the action; what is wrong is said below the fields."""
        chosen, entries = self._shown, {entry.name or "": entry.value for entry in self._inputs()}
        think = entries.pop(THOUGHT, "")
        try:
            if chosen == RAW:
                text = self.query_one("#raw", TextArea).text
            elif chosen == ANSWER:
                if not entries[ANSWER].strip():
                    raise UsageError(f"{ANSWER}: fill this in.")
                text = self._dialect.write_answer(entries[ANSWER].strip(), think)
            else:
                text = self._dialect.write_call(fill_in(self._tools[chosen], entries, self._images), think)
        except UsageError as error:
            self._say(str(error), wrong=True)
            blamed = [entry for entry in self._inputs() if str(error).startswith(f"{entry.name}:")]
            if blamed:
                blamed[0].focus()
            return
        self.post_message(self.Sent(text))

    def clear(self) -> None:
        """Empty the fields after an action; where a picture is asked for, it is the newest one."""
        named = {item.name for item in self._fields() if item.takes_image and item.required}
        for entry in self._inputs():
            entry.value = self._images[-1] if entry.name in named and self._images else ""

    @on(Input.Changed)
    def _check(self, event: Input.Changed) -> None:
        event.stop()
        item = next((item for item in self._fields() if item.name == event.input.name), None)
        problem = ""
        if item is not None and event.value.strip():
            try:
                item.read(event.value.strip(), self._images)
            except UsageError as error:
                problem = f"{item.name}: {error}"
        event.input.set_class(bool(problem), "wrong")
        self._explain(item, problem)

    def on_descendant_focus(self, event: Any) -> None:
        """Explain the field that is filled in now."""
        entry = event.widget
        if isinstance(entry, Input):
            self._field = next((item for item in self._fields() if item.name == entry.name), None)
            self.post_message(self.Wanted(self._field))
            self._explain(self._field, "")
        elif self._shown in self._tools:
            self._say(self._tools[self._shown].description)

    def _follow(self, field: str, picture: str) -> None:
        for entry in self._inputs():
            if entry.name == field and self._sizes.get(entry.value) != self._sizes.get(picture):
                entry.value = picture

    def _refresh_completions(self) -> None:
        for entry in self._inputs():
            item = next((item for item in self._fields() if item.name == entry.name), None)
            if item is not None and item.takes_image:
                entry.suggester = SuggestFromList(self._images, case_sensitive=False)

    async def _choose(self, name: str, options: bool = False) -> None:
        select = self.query_one("#action", Select)
        with self.prevent(Select.Changed):
            if options:
                select.set_options([(choice, choice) for choice in (*self._tools, ANSWER, RAW)])
            select.value = name
        await self._show_fields(name)

    async def _show_fields(self, name: str) -> None:
        self._shown, self._field = name, None
        self.post_message(self.Wanted(None))
        box = self.query_one("#fields", VerticalScroll)
        await box.remove_children()
        if name == RAW:
            raw = TextArea(self._dialect.write_answer("..."), id="raw", compact=True, tab_behavior="focus")
            await box.mount(raw)
            self._say(f"What a model would write, in the dialect {self._dialect.name}; F4 sends it.")
            return
        if name == ANSWER:
            rows = [_row(ANSWER, self._answers(), "", self._placeholder())]
            self._say(" · ".join(self._choices()) or "The final answer; it ends the episode.")
        else:
            rows = [self._field_row(item) for item in fields_of(self._tools[name])]
            self._say(self._tools[name].description)
        await box.mount_all([*rows, _row(THOUGHT, [], "", "optional")])
        widest = max(len(str(label.content)) for label in box.query(Label))
        for label in box.query(Label):
            label.styles.width = min(widest, LABEL) + 1

    def _field_row(self, item: Field) -> Horizontal:
        completions = item.completions(self._images)
        value = self._images[-1] if item.takes_image and item.required and self._images else ""
        kind = f"{item.kind}{'' if item.required else ', optional'}{', F2 picks' if item.spot else ''}"
        return _row(item.name, completions, value, kind, item.required)

    def _explain(self, item: Field | None, problem: str) -> None:
        if problem:
            self._say(problem, wrong=True)
        elif item is not None:
            choices = item.completions(self._images)
            known = f" ({', '.join(choices)})" if choices else ""
            self._say(f"{item.description}{known}")

    def _say(self, text: str, wrong: bool = False) -> None:
        about = self.query_one("#about", Static)
        about.set_class(wrong, "wrong")
        about.update(f"! {text}" if wrong else text)

    def _fields(self) -> tuple[Field, ...]:
        return fields_of(self._tools[self._shown]) if self._shown in self._tools else ()

    def _inputs(self) -> list[Input]:
        return list(self.query(Input))

    def _is_required(self, name: str | None) -> bool:
        return name == ANSWER or any(item.name == name and item.required for item in self._fields())

    def _choices(self) -> list[str]:
        choices = () if self._problem is None else self._problem.choices
        return [f"{chr(ord('A') + number)} {choice}" for number, choice in enumerate(choices)]

    def _answers(self) -> list[str]:
        if self._problem is None:
            return []
        if self._problem.answer_type == "yes_no":
            return ["Yes", "No"]
        return [choice[0] for choice in self._choices()]

    def _placeholder(self) -> str:
        kind = "text" if self._problem is None else self._problem.answer_type
        return {"plan": "for example R,R,D", "yes_no": "Yes or No", "choice": "a letter"}.get(kind, kind)

    _shown = ANSWER
    """What the fields on show are for."""


_KINDS: Mapping[int, tuple[str, str]] = {2: ("point", "points"), 4: ("box", "boxes")}


def _row(name: str, completions: Sequence[str], value: str, placeholder: str, required: bool = True) -> Horizontal:
    suggester = SuggestFromList(completions, case_sensitive=False) if completions else None
    entry = Input(value, placeholder=placeholder, suggester=suggester, name=name, compact=True, select_on_focus=False)
    return Horizontal(Label(f"{name}{'' if required else '?'}", markup=False), entry, classes="row")


def _written(value: Any) -> str:
    """A value as it would be typed."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
