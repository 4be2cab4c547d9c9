"""The task for inspect_ai with its mock model; run by .ci/inspect, where inspect_ai is installed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import inspect_ai
import pytest
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ContentImage, ModelOutput, ModelUsage, get_model

from adagym.cli import main
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.integrations.inspect_ai import PLAYED, _converse, adagym_task
from adagym.store import read_trajectories
from adagym.testing import conversations
from adagym.testing.parity import Script, Shown, compare, make, scripts
from adagym.types import Trajectory

NAVIGATION = "adagym/VSPNavigation-v0"
SOURCE = "vsp-generated:sides=3,n=3"
ANSWER = "<think>x</think><response>\\boxed{R}</response>"


def output(text: str, **more: Any) -> ModelOutput:
    """A reply with its token counts, which the mock model would otherwise download a tokenizer for."""
    made = ModelOutput.from_content("mockllm/model", text, **more)
    made.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return made


def run(
    tmp_path: Path, outputs: Iterable[ModelOutput], n: int, options: dict[str, Any] | None = None, **more: Any
) -> EvalLog:
    task = adagym_task(NAVIGATION, SOURCE.split(","), n, 5, **(options or {}))
    model = get_model("mockllm/model", custom_outputs=list(outputs))
    (log,) = inspect_ai.eval(task, model=model, log_dir=str(tmp_path / "logs"), display="none", max_samples=1, **more)
    return log


@pytest.fixture
def played(tmp_path: Path) -> Sequence[Trajectory]:
    """What ``adagym eval`` saves of the expert, with the same tasks and seed."""
    folder = tmp_path / "expert"
    words = ["eval", NAVIGATION, "--agent", "expert", "--tasks", SOURCE, "--seed", "5", "--adaptive", "names"]
    assert main([*words, "--out", str(folder), "--n-envs", "1"]) == 0
    return list(read_trajectories(folder / "episodes.jsonl"))


def test_an_episode_is_the_one_of_adagym_eval(tmp_path: Path, played: Sequence[Trajectory]) -> None:
    actions = [output(f"{action} and so on") for episode in played for action in episode.actions]
    log = run(tmp_path, actions, 3, {"adaptive": "names"})
    assert log.status == "success"
    assert log.samples is not None
    for sample, episode in zip(log.samples, played, strict=True):
        assert sample.id == episode.task.id
        assert sample.scores is not None
        value = sample.scores["episode_score"].value
        parts = {f"reward_{name}": part for name, part in episode.reward_parts.items()}
        calls = {"turns": len(episode.steps), "calls": len(episode.calls)}
        assert value == {"accuracy": 1.0, "reward": episode.reward, **parts, **calls}
        # The seed decides the names of tools, so the system prompts are equal only if the seeds are.
        assert sample.messages[0].text == episode.messages[0].text
        said = [message.text for message in sample.messages if message.role == "assistant"]
        assert said == list(episode.actions)
        pictures = [part for message in sample.messages for part in message.content if not isinstance(part, str)]
        shown = sum(part.type == "image" for part in pictures)
        assert shown == sum(len(message.images) for message in episode.messages)
    assert log.results is not None
    (accuracy,) = [score for score in log.results.scores if score.name == "accuracy"]
    assert accuracy.metrics["mean"].value == 1.0


def plain(message: ChatMessage) -> conversations.ChatMessage:
    """Inspect's message in the form of the interface."""
    parts = [
        {"type": "image_url", "image_url": {"url": part.image}}
        if isinstance(part, ContentImage)
        else {"type": "text", "text": part if isinstance(part, str) else part.text}
        for part in message.content
    ]
    return {"role": message.role, "content": parts}


def test_parity_with_plain_steps() -> None:
    def episode(script: Script) -> list[Shown]:
        env, turns, actions = make(script), [], iter(script.actions)
        env.reset(seed=script.seed, options={"task": script.index})
        state: Any = SimpleNamespace(messages=[], metadata={}, output=None)

        async def generate(state: Any, **_: Any) -> None:
            known = sum(len(turn) for turn in turns) + len(turns)
            turns.append([plain(message) for message in state.messages[known:]])
            state.output = output(next(actions))
            state.messages.append(state.output.message)

        asyncio.run(_converse(env, state, generate))
        assert state.metadata[PLAYED]["figures"]["reward"] == env.trajectory().reward
        return conversations.shown_in_chat(turns, env.trajectory())

    report = compare("inspect_ai", lambda drawn: [episode(script) for script in drawn], scripts(per_family=17))
    assert not report.differences, report.differences[0]
    assert report.episodes == 102


def test_a_full_context_and_a_limit_truncate(tmp_path: Path) -> None:
    log = run(tmp_path, [output("no call", stop_reason="model_length")], 1)
    assert log.samples is not None
    assert log.samples[0].metadata["adagym"]["outcome"] == "truncated"
    assert log.samples[0].metadata["adagym"]["figures"]["turns"] == 0
    log = run(tmp_path, [output("no call")] * 9, 1, message_limit=5)
    assert log.samples is not None
    assert log.samples[0].metadata["adagym"]["outcome"] == "truncated"
    assert log.samples[0].scores is not None
    assert log.samples[0].scores["episode_score"].value["accuracy"] == 0.0


def test_an_infrastructure_failure_is_an_error_and_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    respond = VSPNavigation._respond

    def broken(env: VSPNavigation, episode: Any, parsed: Any) -> Any:
        if episode.task.id.endswith("/0"):
            raise InfraError("the server is gone")
        return respond(env, episode, parsed)

    monkeypatch.setattr(VSPNavigation, "_respond", broken)
    log = run(tmp_path, [output(ANSWER)] * 2, 2, fail_on_error=False)
    assert log.samples is not None
    first, second = log.samples
    assert first.error is not None
    assert "the server is gone" in first.error.message
    assert not first.scores
    assert second.scores


def test_what_cannot_be_scored_is_left_out_of_the_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adagym.integrations import inspect_ai as task

    class Rules:
        def load(self, name: str) -> Any:
            return lambda asked, episode: None if asked.id.endswith("/0") else 1.0

    monkeypatch.setattr(task, "REWARDS", Rules())
    log = run(tmp_path, [output(ANSWER)] * 2, 2)
    assert log.samples is not None
    assert log.samples[0].scores is not None
    assert math.isnan(log.samples[0].scores["episode_score"].value["accuracy"])
    assert log.results is not None
    (accuracy,) = [score for score in log.results.scores if score.name == "accuracy"]
    assert accuracy.metrics["mean"].value == 1.0


def test_arguments_are_checked_first() -> None:
    with pytest.raises(UsageError, match="choose n from 1 to 3"):
        adagym_task(NAVIGATION, SOURCE, 4)
    with pytest.raises(UsageError, match="another dialect"):
        adagym_task(NAVIGATION, SOURCE, dialect="openai")
