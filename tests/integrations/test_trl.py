"""The environment in TRL's form, as far as it needs no TRL: the template, the tools, whole turns, the reward."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from transformers.utils import get_json_schema

from adagym.agents.scripted import ExpertAgent
from adagym.agents.seat import conversation_at
from adagym.digest import observation_digest
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.integrations.blocks import Content, content
from adagym.integrations.trl import TEMPLATE, play, read_turn, rewards, rows, trl_environment
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny
from adagym.protocol import DIALECTS
from adagym.testing.parity import Script, Shown, compare, scripts
from adagym.types import Message, TextBlock, ToolCall

NAVIGATION = "adagym/VSPNavigation-v0"
OPTIONS: dict[str, Any] = {
    "tasks": "vsp-generated:sides=4,split=train,n=4",
    "dialect": "hermes",
    "prompt": "brief",
    "max_turns": 8,
}
MALFORMED = "<think>x</think><tool_call>{no json</tool_call>"
UNKNOWN = '<think>x</think><tool_call>{"name": "Nothing", "parameters": {}}</tool_call>'
TWO_CALLS = '<tool_call>{"name": "AStar", "parameters": {}}</tool_call>' * 2
ANSWER = "<think>x</think><response>\\boxed{R}</response>"


@pytest.fixture(scope="module")
def policy() -> HFPolicy:
    return load_tiny()


def demonstration(**options: Any) -> VSPNavigation:
    env, agent = VSPNavigation(**{**OPTIONS, **options}), ExpertAgent(draw=True)
    env.reset(seed=0, options={"task": 0})
    for turn in range(8):
        (text,) = agent.act([conversation_at(env, "one", turn=turn, seed=0, group=None)])
        if env.step(text)[2]:
            return env
    raise AssertionError("The expert did not answer.")


def tokens_of_ours(policy: HFPolicy, messages: list[Message]) -> list[int]:
    ids: list[int] = policy.encoder.prompt(messages[:2]).ids.tolist()
    for message in messages[2:-1]:
        if message.role == "assistant":
            ids += policy.encoder.text(message.text).tolist()
        else:
            ids += policy.encoder.between([message], ids[-1]).ids.tolist()
    return ids


def tokens_of_theirs(policy: HFPolicy, conversation: list[dict[str, Any]]) -> list[int]:
    encoded = policy.processor.apply_chat_template(
        [conversation], chat_template=TEMPLATE, add_generation_prompt=True, tokenize=True, return_dict=True
    )
    ids: list[int] = encoded["input_ids"][0]
    return ids


def said(shown: Content) -> str:
    return "".join(block["text"] for block in shown if block["type"] == "text")


def test_the_template_gives_the_tokens_of_ours(policy: HFPolicy) -> None:
    messages = demonstration().messages
    plain = [{"role": message.role, "content": content(message.content)} for message in messages[:-1]]
    assert tokens_of_theirs(policy, plain) == tokens_of_ours(policy, messages)
    assert sum(message.role == "tool" for message in messages) == 5
    assert sum(len(message.images) for message in messages) == 5


@pytest.mark.parametrize("dialect", ["hermes", "adareasoner", "adatooler"])
def test_results_of_whole_turns_give_the_tokens_of_ours(policy: HFPolicy, dialect: str) -> None:
    env = demonstration(dialect=dialect)
    environment = trl_environment(NAVIGATION, **{**OPTIONS, "dialect": dialect})
    shown, _ = play(environment, 0, 0, env.trajectory().actions)
    conversation: list[dict[str, Any]] = [{"role": "system", "content": content(env.messages[0].content)}]
    conversation.append({"role": "user", "content": shown[0]})
    for step, answer in zip(env.trajectory().steps, shown[1:], strict=False):
        conversation.append({"role": "assistant", "content": [{"type": "text", "text": step.action}]})
        conversation.append({"role": "tool", "name": "turn", "content": answer})
    assert tokens_of_theirs(policy, conversation) == tokens_of_ours(policy, env.messages)


def test_a_call_that_was_taken_apart_is_written_back(policy: HFPolicy) -> None:
    call = {"type": "function", "function": {"name": "Point", "arguments": {"image": "img_1"}}}
    text = policy.processor.apply_chat_template(
        [{"role": "assistant", "content": [], "tool_calls": [call]}], chat_template=TEMPLATE, tokenize=False
    )
    written = '<tool_call>{"name": "Point", "arguments": {"image": "img_1"}}</tool_call>'
    assert text == f"<|im_start|>assistant\n{written}<|im_end|>\n"


def test_tools_become_methods_with_their_schemas() -> None:
    environment = trl_environment(NAVIGATION, turns="calls", **OPTIONS)
    for tool in VSPNavigation(**OPTIONS).action_space.tools:
        schema = get_json_schema(getattr(environment(), tool.name))["function"]
        assert schema["name"] == tool.name
        assert schema["description"] == tool.description
        assert list(schema["parameters"]["properties"]) == list(tool.properties)
        assert schema["parameters"]["required"] == list(tool.required)
        for name, shown in schema["parameters"]["properties"].items():
            assert shown["type"] == tool.parameters["properties"][name]["type"]
            assert shown["description"] == tool.parameters["properties"][name]["description"]


def test_calls_reach_the_environment_and_the_answer_its_reward() -> None:
    played = demonstration()
    environment: Any = trl_environment(NAVIGATION, turns="calls", **OPTIONS)()
    first = environment.reset(index=0, seed=0, prompt=[])
    assert [block["type"] for block in first] == ["image", "text"]
    assert first[1]["text"] == played.messages[1].text
    for step in played.trajectory().steps[:-1]:
        assert step.parsed.call is not None
        shown = getattr(environment, step.parsed.call.name)(**step.parsed.call.arguments)
        assert said(shown) == step.observation["text"]
        pictures = [np.asarray(block["image"]) for block in shown if block["type"] == "image"]
        assert len(pictures) == len(step.observation["images"])
        assert all(np.array_equal(a, b) for a, b in zip(pictures, step.observation["images"], strict=True))
    last = [{"role": "assistant", "content": played.trajectory().actions[-1]}]
    assert rewards([last], [environment]) == [8.0]
    assert rewards([last], [environment]) == [8.0]  # asking again changes nothing
    with pytest.raises(ValueError, match="over"):
        environment.Point(image="img_1", description="Elf")


def test_wrong_arguments_are_the_environments_to_judge() -> None:
    environment: Any = trl_environment(NAVIGATION, turns="calls", **OPTIONS)()
    environment.reset(index=1, seed=0)
    (shown,) = environment.Point(picture="img_1")
    assert "failed" in shown["text"]


def test_an_episode_cut_off_in_a_call_is_truncated() -> None:
    environment = trl_environment(NAVIGATION, turns="calls", **OPTIONS)()
    environment.reset(index=1, seed=0)
    call = DIALECTS.load("hermes").write_call(ToolCall("Point", {"image": "img_1", "description": "Elf"}))
    unread = [{"role": "assistant", "content": "", "tool_calls": [{"type": "function"}]}]
    torn = [{"role": "assistant", "content": call[:-5]}]
    assert environment._finish(unread).outcome == "truncated"
    environment.reset(index=1, seed=0)
    finished = environment._finish(torn)
    assert (finished.outcome, len(finished.steps)) == ("truncated", 1)


@pytest.mark.parametrize(
    "texts",
    [(MALFORMED, UNKNOWN, TWO_CALLS, "", ANSWER), (MALFORMED, UNKNOWN, "I do not know."), (ANSWER, MALFORMED)],
)
@pytest.mark.parametrize("adaptive", [None, "names"])
def test_whole_turns_are_those_of_the_bare_environment(texts: tuple[str, ...], adaptive: str | None) -> None:
    options = {**OPTIONS, "dialect": "adareasoner", "max_turns": 5, "adaptive": adaptive}
    env = VSPNavigation(**options)
    env.reset(seed=3, options={"task": 1})
    for text in texts:
        if env.trajectory().outcome == "running":
            env.step(text)
    if env.trajectory().outcome == "running":
        env.truncate()
    expected = env.trajectory()
    shown, played = play(trl_environment(NAVIGATION, **options), 1, 3, texts)
    assert played.actions == expected.actions
    assert [step.observation["text"] for step in played.steps] == [step.observation["text"] for step in expected.steps]
    assert (played.reward, played.reward_parts) == (expected.reward, expected.reward_parts)
    assert [(s.terminated, s.truncated) for s in played.steps] == [(s.terminated, s.truncated) for s in expected.steps]
    for answer, step in zip(shown[1:], played.steps, strict=False):
        assert step.observation["text"] in said(answer)


def test_a_last_turn_that_trl_does_not_play_is_played_with_the_reward() -> None:
    environment: Any = trl_environment(NAVIGATION, **{**OPTIONS, "dialect": "adareasoner", "max_turns": 2})()
    environment.reset(index=1, seed=0)
    completion = [read_turn(MALFORMED, "adareasoner"), {"role": "tool", "name": "turn", "content": []}]
    environment.turn(MALFORMED)
    unread = [*completion, read_turn(UNKNOWN, "adareasoner")]
    finished = environment._finish(unread)
    assert finished.actions == (MALFORMED, UNKNOWN)
    environment.reset(index=1, seed=0)
    environment.turn(MALFORMED)
    # TRL takes a result back that does not fit; the turn itself was played.
    rolled_back = environment._finish([read_turn(MALFORMED, "adareasoner")])
    assert rolled_back.actions == (MALFORMED,)
    assert rolled_back.outcome == "truncated"


def test_infrastructure_failures_have_no_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise InfraError("the server is gone")

    monkeypatch.setattr(VSPNavigation, "_respond", broken)
    environment: Any = trl_environment(NAVIGATION, **OPTIONS)()
    environment.reset(index=0, seed=0)
    (shown,) = environment.turn(MALFORMED)
    assert "void" in shown["text"]
    assert rewards([[read_turn(MALFORMED, "hermes")]], [environment]) == [None]


def test_rows_have_the_system_prompt_of_their_own_episode() -> None:
    environment = trl_environment(NAVIGATION, **OPTIONS, adaptive="names")
    made = rows(environment, 3, seed=5)
    assert [row["index"] for row in made] == [0, 1, 2]
    assert len({row["prompt"][0]["content"] for row in made}) == 3
    env = VSPNavigation(**OPTIONS, adaptive="names")
    for row in made:
        env.reset(seed=row["seed"], options={"task": row["index"]})
        assert row["prompt"][0]["content"] == env.messages[0].text
    with pytest.raises(UsageError, match="choose n from 1 to 4"):
        rows(environment, 5)


def test_control_tokens_in_texts_are_broken() -> None:
    (block,) = content([TextBlock("<|image"), TextBlock("_pad|><"), TextBlock("|im_end|>")])
    assert block["text"] == "< |image_pad|>< |im_end|>"


def test_arguments_are_checked_first() -> None:
    with pytest.raises(UsageError, match="another dialect"):
        trl_environment(NAVIGATION, dialect="openai")
    with pytest.raises(UsageError, match="turns is"):
        trl_environment(NAVIGATION, turns="some")
    with pytest.raises(UsageError, match='need turns="whole"'):
        trl_environment(NAVIGATION, turns="calls", adaptive="names")
    with pytest.raises(UsageError, match="no-such-source"):
        trl_environment(NAVIGATION, tasks="no-such-source")


def test_parity_with_the_bare_environment() -> None:
    classes: dict[str, type[Any]] = {}

    def player(played: Sequence[Script]) -> list[list[Shown]]:
        return [list(episode(script)) for script in played]

    def episode(script: Script) -> Iterator[Shown]:
        if script.env_id not in classes:
            classes[script.env_id] = trl_environment(script.env_id, **script.env)
        environment = classes[script.env_id]
        shown, finished = play(environment, script.index, script.seed, script.actions)
        system = finished.messages[0].text
        yield Shown(digest(f"{system}\n\n{said(shown[0])}", shown[0]))
        # An answer is shown nothing.
        for step, answer in itertools.zip_longest(finished.steps, shown[1:], fillvalue=[]):
            yield Shown(digest(said(answer), answer), step.reward, step.terminated, step.truncated)

    def digest(text: str, shown: Content) -> str:
        pictures = tuple(np.asarray(block["image"]) for block in shown if block["type"] == "image")
        return observation_digest({"text": text, "images": pictures})

    report = compare("trl", player, scripts(per_family=3))
    assert not report.differences, report.differences[0]
    assert (report.episodes, len(classes)) == (18, 6)
