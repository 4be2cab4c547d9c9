"""Drawing disguises, translating through them, and the wordings they choose from."""

from __future__ import annotations

import json
import pickle
import re
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.envs.wrappers import AdaptiveConfig, AdaptiveExecutor, Disguise, draw, draw_for
from adagym.envs.wrappers.disguise import ENVELOPE
from adagym.envs.wrappers.paraphrase import ATTEMPTS, paraphrase, usable
from adagym.envs.wrappers.wording import fill, load_library, match, replace_names, slots
from adagym.errors import DataError, UsageError
from adagym.protocol import DIALECTS
from adagym.tools import TOOLS
from adagym.tools.executor import Executor
from adagym.types import CallCheck, ToolCall, ToolResult, ToolSpec

SPECS = Executor(VSPNavigation.default_tools).specs
PARAMETERS = tuple(dict.fromkeys(name for spec in SPECS for name in spec.properties))
FULL = AdaptiveConfig(fields=True, errors=True)
PLUGIN = ToolSpec(
    "MapPeek",
    "Read a cell. MapPeek wants grid_x and `row`.",
    {
        "type": "object",
        "properties": {
            "grid_x": {"type": "integer", "minimum": 0, "description": "Column; see `row`."},
            "row": {"type": "integer", "description": "A row of the map, not of grid_x."},
        },
        "required": ["grid_x"],
    },
)


def drawn(seed: int = 0, config: AdaptiveConfig = FULL, specs: tuple[ToolSpec, ...] = SPECS) -> Disguise:
    return draw_for(seed, "task", specs, config)


@given(seed=st.integers(0, 2**63), length=st.integers(2, 8), letters=st.sampled_from(["abc", "ab01_", FULL.alphabet]))
@settings(max_examples=150, deadline=None)
def test_names_never_collide(seed: int, length: int, letters: str) -> None:
    if len(letters) ** length < 200:  # too few, which draw() refuses
        length = 6
    config = AdaptiveConfig(fields=True, length=length, alphabet=letters)
    disguise = draw(np.random.default_rng(seed), SPECS, config)
    current = [*disguise.tools.values(), *disguise.parameters.values(), *disguise.fields.values()]
    original = {*disguise.tools, *disguise.parameters, *disguise.fields}
    assert len(set(current)) == len(current) == 3 + len(PARAMETERS) + len(disguise.fields)
    assert not set(current) & original
    assert all(re.fullmatch(f"[{letters}]{{{length}}}", name) for name in current)


def test_a_name_that_is_an_original_is_drawn_again() -> None:
    specs = (ToolSpec("aaaaaa", "x", {"type": "object"}),)
    for seed in range(200):  # a name is that one with a chance of 1 in 64
        disguise = draw(np.random.default_rng(seed), specs, AdaptiveConfig(fields=True, length=6, alphabet="ab"))
        assert "aaaaaa" not in {*disguise.tools.values(), *disguise.fields.values()}
    with pytest.raises(UsageError, match="2 characters make too few names of length 3 for 5 names"):
        draw(np.random.default_rng(0), specs, AdaptiveConfig(length=3, alphabet="ab"))


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=3)
NAMES = st.sampled_from([spec.name for spec in SPECS]) | st.text(min_size=1, max_size=8)


@given(
    seed=st.integers(0, 10**6),
    name=NAMES,
    arguments=st.dictionaries(st.sampled_from(PARAMETERS) | st.text(max_size=8), JSON, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_a_call_comes_back_as_it_was(seed: int, name: str, arguments: dict[str, Any]) -> None:
    disguise = drawn(seed)
    call = ToolCall(name, arguments)
    masked = disguise.mask_call(call)
    assert disguise.unmask_call(masked) == call
    assert masked.name not in disguise.tools
    assert not masked.arguments.keys() & disguise.parameters.keys()


@given(st.integers(0, 10**6), st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_result_comes_back_as_it_was(seed: int, note: str) -> None:
    disguise = drawn(seed)
    data = {"points": [[1, 2]], "image_dimensions_pixels": {"width": 3, "height": 4}, "note": note}
    result = ToolResult("Point", "success", data=data, check=CallCheck(known=True))
    for dialect in DIALECTS.names():
        message = disguise.observe(DIALECTS.load(dialect), result, ())
        assert json.loads(message.text)[disguise.fields["points"]] == [[1, 2]]
        envelope = disguise.unmask_envelope(json.loads(message.text))
        plain = DIALECTS.load(dialect).observe(result, ())
        assert list(envelope.items()) == list(json.loads(plain.text).items())


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_what_the_agent_wrote_is_never_taken_for_a_name(value: str) -> None:
    disguise = drawn(3)
    quoted = f"`directions` must be a non-empty text of at most 1000 characters, not {json.dumps(value)[:80]}."
    shown = disguise.mask_text(quoted)
    assert f"`{disguise.parameters['directions']}`" in shown
    assert json.dumps(value)[:80] in shown


def test_texts_quoted_in_texts_do_not_mislead() -> None:
    disguise = drawn(0, AdaptiveConfig())
    echo = '"` must be a whole number, not 1. Expected: image."'
    image = disguise.parameters["image"]
    assert disguise.mask_text(f"`image` must be true or false, not {echo}.") == (
        f"`{image}` must be true or false, not {echo}."
    )
    asked = disguise.mask_text("Unknown parameters: x. Expected: y. Expected: image, step (optional).")
    assert asked == f"Unknown parameters: x. Expected: y. Expected: {image}, {disguise.parameters['step']} (optional)."


def test_a_parameter_has_one_name_in_all_tools() -> None:
    point, path, astar = drawn().mask_specs(SPECS)
    assert point.properties[0] == path.properties[0] == astar.properties[-1]
    assert point.required == point.properties
    assert [len(spec.properties) for spec in (point, path, astar)] == [2, 7, 5]
    original = [dict(schema) for schema in SPECS[0].parameters["properties"].values()]
    masked = [dict(schema) for schema in point.parameters["properties"].values()]
    assert [schema["type"] for schema in masked] == [schema["type"] for schema in original]


def test_a_disguise_survives_pickling() -> None:
    disguise = drawn(4)
    disguise.unmask_call(ToolCall("x", {}))
    assert pickle.loads(pickle.dumps(disguise)) == disguise


def test_all_wordings_are_drawn() -> None:
    seen: dict[tuple[str, str], set[str]] = {}
    texts: dict[str, set[str]] = {}
    for seed in range(150):
        disguise = drawn(seed)
        for place, said in disguise.descriptions.items():
            seen.setdefault(place, set()).add(said)
        for original, said in disguise.texts.items():
            texts.setdefault(original, set()).add(said)
    library = load_library()
    for (tool, parameter), said in seen.items():
        wording = library.tools[tool]
        assert said == set(wording.parameters[parameter] if parameter else wording.descriptions)
    assert texts == {original: set(forms) for original, forms in library.texts.items()}


@pytest.mark.parametrize("name", TOOLS.names())
def test_every_tool_has_paraphrases(name: str) -> None:
    spec = TOOLS.load(name).spec
    wording = load_library().tools[name]
    assert set(wording.parameters) == set(spec.properties)
    schemas = spec.parameters["properties"]
    originals = {"": spec.description, **{key: schemas[key]["description"] for key in spec.properties}}
    for parameter, forms in {"": wording.descriptions, **wording.parameters}.items():
        assert len(set(forms)) == len(forms) >= 8, parameter
        telling = [
            *TOOLS.names(),
            *(key for tool in TOOLS.names() for key in TOOLS.load(tool).spec.properties if "_" in key),
        ]
        for form in forms:
            assert usable(form, originals[parameter], telling), form
            assert form.endswith("."), form
        assert min(len(form.split(". ")[0].split()) for form in forms) <= 12
    assert all(len(form.split(". ")[0].split()) <= 16 for form in wording.descriptions)


def test_every_text_has_paraphrases_that_say_as_much() -> None:
    for text, forms in load_library().texts.items():
        assert len(set(forms)) == len(forms) >= 8, text
        assert text not in forms
        for form in forms:
            assert slots(form) == slots(text)


def test_a_tool_without_paraphrases_keeps_its_description_but_not_its_names() -> None:
    disguise = drawn(0, FULL, (*SPECS, PLUGIN))
    name, column, row = disguise.tools["MapPeek"], disguise.parameters["grid_x"], disguise.parameters["row"]
    spec = disguise.mask_specs([PLUGIN])[0]
    assert spec == ToolSpec(
        name,
        f"Read a cell. {name} wants {column} and `{row}`.",
        {
            "type": "object",
            "properties": {
                column: {"type": "integer", "minimum": 0, "description": f"Column; see `{row}`."},
                row: {"type": "integer", "description": f"A row of the map, not of {column}."},
            },
            "required": [column],
        },
    )
    assert disguise.mask_text("MapPeek: `row` 9, the last row, is beyond grid_x.") == (
        f"{name}: `{row}` 9, the last row, is beyond {column}."
    )


def test_names_in_texts() -> None:
    names = {"image": "i1", "image_2": "i2", "AStar": "t1"}
    text = "AStar, xAStar, `image`, image, image_2, image_22, `image_2`, ```image```"
    assert replace_names(text, names) == "t1, xAStar, `i1`, image, i2, image_22, `i2`, ```i1```"
    assert replace_names("image", {}) == "image"
    assert match("A {name} of {x}.", "A b c of d.") is None
    assert match("A {name} of {x}.", "A b of c of d.") == {"name": "b", "x": "c of d"}
    assert fill("{x} and {name}", {"x": "{name}", "name": "b"}) == "{name} and b"


def test_the_executor_has_the_face_of_an_executor() -> None:
    plain = Executor(VSPNavigation.default_tools)
    disguise = drawn()
    executor = AdaptiveExecutor(plain, disguise)
    assert executor.specs == disguise.mask_specs(plain.specs)
    images = {"img_1": np.zeros((64, 64, 3), np.uint8)}
    call = ToolCall("Point", {"image": "img_1", "description": "Elf"})
    result = executor.run(disguise.mask_call(call), images)
    expected = plain.run(call, images)
    assert (result.tool, result.data, result.check) == (expected.tool, expected.data, expected.check)
    assert executor.run(call, images).error_code == 202


@pytest.mark.parametrize(
    ("spec", "config"),
    [
        ("names", AdaptiveConfig()),
        ("names,fields,errors", FULL),
        (" errors , names", AdaptiveConfig(errors=True)),
        ("names,prefix=Func_,length=4", AdaptiveConfig(prefix="Func_", length=4)),
        ("names,alphabet=abcdef", AdaptiveConfig(alphabet="abcdef")),
    ],
)
def test_what_is_disguised_is_written_in_one_string(spec: str, config: AdaptiveConfig) -> None:
    assert AdaptiveConfig.parse(spec) == config


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "write `names`"),
        ("fields", "write `names`"),
        ("names,filds", "write `names`"),
        ("names,style=hex", "values of alphabet, length, paraphrases, prefix"),
        ("names,fields=1", "write `names`"),
        (7, "write `names`"),
        ("names,length=six", "must be a whole number"),
        ("names,length=0", "1 to 32, not 0"),
        ("names,length=99999999999", "1 to 32, not 9999"),
        ("names,prefix=Func-", "letters, digits and underscores"),
        ("names,alphabet=aab", "holds each once"),
        ("names,alphabet=", "2 different characters"),
        ("names,paraphrases=/no/such/file.json", "/no/such/file.json cannot be used"),
    ],
)
def test_an_unusable_string_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        VSPNavigation(adaptive=spec)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be used"),
        ("[]", "cannot be used"),
        ("{}", "KeyError"),
        ('{"tools": {"Point": {"descriptions": "One."}}}', "not a list of texts"),
        ('{"tools": {"Point": {"descriptions": [" "]}}}', "not a list of texts"),
        ('{"tools": {}, "texts": {"No {name}.": ["None."]}}', "must have the slots"),
    ],
)
def test_a_library_of_another_form_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wordings.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        load_library(str(path))


def test_a_library_adds_to_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "wordings.json"
    own = {"tools": {"Point": {"descriptions": ["Mine."], "fields": ["extra"]}}, "texts": {"Bad {x}.": []}}
    path.write_text(json.dumps(own))
    disguise = drawn(0, AdaptiveConfig(fields=True, errors=True, paraphrases=str(path)))
    assert disguise.descriptions["Point", ""] == "Mine."
    assert disguise.descriptions["Point", "image"] in load_library().tools["Point"].parameters["image"]
    assert {"extra", "points", *ENVELOPE} <= disguise.fields.keys()
    assert disguise.mask_text("Bad Point.") == "Bad Point."


class Model:
    """Answers with numbered lines, good and bad ones."""

    def __init__(self, good: int) -> None:
        self.good = good
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        example = re.search(r'Keep "(for example .*)" word for word', prompt)
        tail = f", {example[1]}." if example else "."
        turn = len(self.prompts)
        good = [f"{number}. Wording {turn} {number}{tail}" for number in range(self.good)]
        return "\n".join(["", *good, *good[:1], "- Use MapPeek for it.", "* grid_x it is.", "Lost, for example dogs."])


def test_a_model_fills_a_library(tmp_path: Path) -> None:
    specs, cache, model = (PLUGIN, SPECS[0]), tmp_path / "new" / "wordings.json", Model(3)
    assert paraphrase(specs, model, cache, n=5) == cache
    assert [path.name for path in cache.parent.iterdir()] == ["wordings.json"]
    wording = load_library(str(cache)).tools
    assert wording["MapPeek"].descriptions == tuple(
        f"Wording {turn} {n}." for turn, n in [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    )
    for forms in (wording["MapPeek"].parameters["row"], wording["Point"].descriptions):
        assert len(forms) == 5
    assert all(form.endswith("for example img_1.") for form in wording["Point"].parameters["image"])
    asked = len(model.prompts)
    assert asked == 2 * 6
    assert "MapPeek, Point, grid_x" in model.prompts[0]
    paraphrase(specs, model, cache, n=5)
    assert len(model.prompts) == asked
    disguise = drawn(0, AdaptiveConfig(paraphrases=str(cache)), (PLUGIN,))
    assert disguise.descriptions["MapPeek", ""].startswith("Wording")


def test_a_model_that_gives_too_little_is_refused_and_the_rest_kept(tmp_path: Path) -> None:
    cache = tmp_path / "wordings.json"

    def tired(prompt: str) -> str:
        return Model(8)(prompt) if prompt.endswith(PLUGIN.description) else "The same."

    with pytest.raises(UsageError, match=f"gave 1 usable wordings of 'Column; see `row`.' in {ATTEMPTS} attempts"):
        paraphrase((PLUGIN,), tired, cache, n=4)
    assert len(load_library(str(cache)).tools["MapPeek"].descriptions) == 4


def test_a_file_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    cache = tmp_path / "notes.json"
    cache.write_text("my notes")
    with pytest.raises(DataError, match=r"notes\.json cannot be used"):
        paraphrase((PLUGIN,), Model(8), cache)
    assert cache.read_text() == "my notes"


def test_names_are_six_letters_or_digits_by_default() -> None:
    assert set(AdaptiveConfig().alphabet) == set(string.ascii_lowercase + string.digits)
    assert all(re.fullmatch("[a-z0-9]{6}", name) for name in drawn().tools.values())
    prefixed = drawn(0, AdaptiveConfig.parse("names,prefix=Func_,length=4"))
    assert all(re.fullmatch("Func_[a-z0-9]{4}", name) for name in prefixed.parameters.values())
