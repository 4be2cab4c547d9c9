"""What the base model sees: seeded, and nothing of the real tasks."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from adagym.envs.tasks.vsp_text import NAVIGATION, VERIFICATION, prompt_of
from adagym.policies.pretraining import KINDS, documents
from adagym.protocol import DIALECTS
from adagym.tools import TOOLS

EQUAL = {kind: 1 / len(KINDS) for kind in KINDS}


def texts(seed: int, count: int) -> list[tuple[str, ...]]:
    return [tuple(m.text for m in document.messages) for document in itertools.islice(documents(seed, EQUAL), count)]


def test_the_stream_depends_on_its_seed_alone() -> None:
    assert texts(3, 40) == texts(3, 40)
    assert texts(3, 40) != texts(4, 40)


def test_the_start_is_the_simplest_kind() -> None:
    kinds = [document.kind for document in itertools.islice(documents(0, warmup=10), 60)]
    assert set(kinds[:10]) == {"repeat"}
    assert set(kinds) == {"repeat", "errand", "scan"}


def test_shares_are_kept() -> None:
    kinds = [document.kind for document in itertools.islice(documents(0, shares={"repeat": 1.0}), 30)]
    assert set(kinds) == {"repeat"}


def test_neither_tools_nor_tasks_of_adagym_are_seen() -> None:
    seen = "\n".join(text for conversation in texts(0, 300) for text in conversation)
    for name in TOOLS.names():
        assert not re.search(rf"\b{name}\b", seen)
    for family in (NAVIGATION, VERIFICATION):
        assert prompt_of(family, "LR").split(". ")[0] not in seen
    assert "AStar" not in seen
    assert "frozen" not in seen


@pytest.mark.parametrize("seed", range(3))
def test_every_assistant_turn_is_well_formed(seed: int) -> None:
    dialects = [DIALECTS.load(name) for name in ("adareasoner", "adatooler", "hermes")]
    for document in itertools.islice(documents(seed, EQUAL), 60):
        for message in document.messages:
            if message.role == "assistant":
                assert any(dialect.parse(message.text).format_ok for dialect in dialects), message.text


def test_a_quest_names_no_tool_but_every_call_is_of_one_that_is_offered() -> None:
    useless = 0
    for document in itertools.islice(documents(0, {"quest": 1.0}), 60):
        system, order, *rest = (message.text for message in document.messages)
        calls = [json.loads(call) for text in rest for call in re.findall(r"<tool_call>(.*)</tool_call>", text)]
        offered = re.findall(r"^(\w+)\(", system, re.MULTILINE) or re.findall(r'"name": "(\w+)", "description"', system)
        assert {call["name"] for call in calls} <= set(offered)
        assert not any(re.search(rf"\b{name}\b", order) for name in offered if len(name) > 1)
        useless += len(offered) - len({call["name"] for call in calls})
    assert useless > 20


def test_what_is_common_to_two_lists_is_answered() -> None:
    found = []
    for document in itertools.islice(documents(0, {"common": 1.0}), 80):
        results = [
            json.loads(re.sub(r"</?tool_response>", "", m.text)) for m in (document.messages[3], document.messages[5])
        ]
        listed, trail = (next(value for value in result.values() if isinstance(value, list)) for result in results)
        shared = [place for place in trail if place in listed]
        found.append(bool(shared))
        assert f"Both: {json.dumps(shared)}" in document.messages[-1].text
        assert ("yes" if shared else "no") in document.messages[-1].text.rpartition("</think>")[2]
    assert 0.3 < sum(found) / len(found) < 0.8
