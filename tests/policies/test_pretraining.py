"""What the base model sees: seeded, and nothing of the real tasks."""

from __future__ import annotations

import itertools

import pytest

from adagym.envs.tasks.vsp_text import NAVIGATION, VERIFICATION, prompt_of
from adagym.policies.pretraining import documents
from adagym.protocol import DIALECTS
from adagym.tools import TOOLS


def texts(seed: int, count: int) -> list[tuple[str, ...]]:
    return [tuple(m.text for m in document.messages) for document in itertools.islice(documents(seed), count)]


def test_the_stream_depends_on_its_seed_alone() -> None:
    assert texts(3, 40) == texts(3, 40)
    assert texts(3, 40) != texts(4, 40)


def test_the_start_is_the_simplest_kind() -> None:
    kinds = [document.kind for document in itertools.islice(documents(0, warmup=10), 60)]
    assert set(kinds[:10]) == {"repeat"}
    assert set(kinds) == {"repeat", "errand", "scan"}


def test_shares_are_kept() -> None:
    kinds = [document.kind for document in itertools.islice(documents(0, shares=(0.0, 1.0, 0.0)), 30)]
    assert set(kinds) == {"repeat"}


def test_neither_tools_nor_tasks_of_adagym_are_seen() -> None:
    seen = "\n".join(text for conversation in texts(0, 300) for text in conversation)
    for name in TOOLS.names():
        assert name not in seen
    for family in (NAVIGATION, VERIFICATION):
        assert prompt_of(family, "LR").split(". ")[0] not in seen
    assert "AStar" not in seen
    assert "frozen" not in seen


@pytest.mark.parametrize("seed", range(3))
def test_every_assistant_turn_is_well_formed(seed: int) -> None:
    dialects = [DIALECTS.load(name) for name in ("adareasoner", "adatooler", "hermes")]
    for document in itertools.islice(documents(seed), 60):
        for message in document.messages:
            if message.role == "assistant":
                assert any(dialect.parse(message.text).format_ok for dialect in dialects), message.text
