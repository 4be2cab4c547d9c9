"""The parts of the comparison with TRL that need no TRL: the environment's form, the template, our loss, the ratios."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.utils import get_json_schema

from adagym.agents.scripted import ExpertAgent
from adagym.agents.seat import conversation_at
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.policies.base import TokenTrace
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny
from adagym.protocol import DIALECTS
from adagym.types import ToolCall

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
TASKS = "vsp-generated:sides=4,split=train,n=4"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark's modules, found as when its script is run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture(scope="module")
def policy() -> HFPolicy:
    return load_tiny()


def make_env() -> VSPNavigation:
    return VSPNavigation(TASKS, dialect="hermes", prompt="brief", max_turns=8)


def settings(modules: Any, tmp_path: Path) -> Any:
    return modules("trl_sides").Settings(tmp_path, 2, 2, 2, 1024, 160, 8, 2, True, 1e-5, 1, 0)


def demonstration() -> VSPNavigation:
    env, agent = make_env(), ExpertAgent(draw=True)
    env.reset(seed=0, options={"task": 0})
    for turn in range(8):
        (text,) = agent.act([conversation_at(env, "one", turn=turn, seed=0, group=None)])
        if env.step(text)[2]:
            return env
    raise AssertionError("The expert did not answer.")


def test_both_templates_give_the_same_tokens(modules: Any, policy: HFPolicy) -> None:
    trl_env, env = modules("trl_env"), demonstration()
    messages = env.messages
    ours = policy.encoder.prompt(messages[:2]).ids.tolist()
    for message in messages[2:-1]:
        if message.role == "assistant":
            ours += policy.encoder.text(message.text).tolist()
        else:
            ours += policy.encoder.between([message], ours[-1]).ids.tolist()
    plain = [{"role": message.role, "content": trl_env.content(message.content)} for message in messages[:-1]]
    theirs = policy.processor.apply_chat_template(
        [plain], chat_template=trl_env.TEMPLATE, add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"][0]
    assert theirs == ours
    assert sum(message.role == "tool" for message in messages) == 5
    assert sum(len(message.images) for message in messages) == 5


def test_a_call_that_was_taken_apart_is_written_back(modules: Any, policy: HFPolicy) -> None:
    call = {"type": "function", "function": {"name": "Point", "arguments": {"image": "img_1"}}}
    text = policy.processor.apply_chat_template(
        [{"role": "assistant", "content": [], "tool_calls": [call]}],
        chat_template=modules("trl_env").TEMPLATE,
        tokenize=False,
    )
    written = '<tool_call>{"name": "Point", "arguments": {"image": "img_1"}}</tool_call>'
    assert text == f"<|im_start|>assistant\n{written}<|im_end|>\n"


def test_tools_become_methods_with_their_schemas(modules: Any) -> None:
    environment = modules("trl_env").environment_class(make_env)()
    for tool in make_env().action_space.tools:
        schema = get_json_schema(getattr(environment, tool.name))["function"]
        assert schema["name"] == tool.name
        assert schema["description"] == tool.description
        assert list(schema["parameters"]["properties"]) == list(tool.properties)
        assert schema["parameters"]["required"] == list(tool.required)
        for name, shown in schema["parameters"]["properties"].items():
            assert shown["type"] == tool.parameters["properties"][name]["type"]
            assert shown["description"] == tool.parameters["properties"][name]["description"]


def test_calls_reach_the_environment_and_the_answer_its_reward(modules: Any) -> None:
    trl_env, played = modules("trl_env"), demonstration()
    environment = trl_env.environment_class(make_env)()
    first = environment.reset(index=0, seed=0, prompt=[])
    assert [block["type"] for block in first] == ["image", "text"]
    assert first[1]["text"] == played.messages[1].text
    for step in played.trajectory().steps[:-1]:
        assert step.parsed.call is not None
        shown = getattr(environment, step.parsed.call.name)(**step.parsed.call.arguments)
        assert "".join(block["text"] for block in shown if block["type"] == "text") == step.observation["text"]
        pictures = [np.asarray(block["image"]) for block in shown if block["type"] == "image"]
        assert len(pictures) == len(step.observation["images"])
        assert all(np.array_equal(a, b) for a, b in zip(pictures, step.observation["images"], strict=True))
    said = [{"role": "assistant", "content": played.trajectory().actions[-1]}]
    assert trl_env.rewards([said], [environment]) == [8.0]
    assert trl_env.rewards([said], [environment]) == [8.0]  # asking again changes nothing
    with pytest.raises(ValueError, match="over"):
        environment.Point(image="img_1", description="Elf")


def test_wrong_arguments_are_the_environments_to_judge(modules: Any) -> None:
    environment = modules("trl_env").environment_class(make_env)()
    environment.reset(index=1, seed=0)
    (shown,) = environment.Point(picture="img_1")
    assert "failed" in shown["text"]


def test_an_episode_cut_off_in_a_call_is_truncated(modules: Any) -> None:
    trl_env = modules("trl_env")
    environment = trl_env.environment_class(make_env)()
    environment.reset(index=1, seed=0)
    call = DIALECTS.load("hermes").write_call(ToolCall("Point", {"image": "img_1", "description": "Elf"}))
    unread = [{"role": "assistant", "content": "", "tool_calls": [{"type": "function"}]}]
    torn = [{"role": "assistant", "content": call[:-5]}]
    assert environment._finish(unread).outcome == "truncated"
    environment.reset(index=1, seed=0)
    finished = environment._finish(torn)
    assert (finished.outcome, len(finished.steps)) == ("truncated", 1)


def test_our_loss_is_the_formula(modules: Any, policy: HFPolicy) -> None:
    agree = modules("trl_agree")
    rng = np.random.default_rng(0)
    traces = []
    for length in (6, 9, 7, 8):
        sampled = np.arange(length) >= 3
        traces.append(TokenTrace(rng.integers(0, 200, length), sampled, np.zeros(length, np.float32), ()))
    batch = collate(traces)
    with torch.no_grad():
        now, _ = policy.token_logprobs(batch)
    shift = torch.where(batch.sampled, torch.from_numpy(rng.normal(0, 0.3, batch.ids.shape)).float(), 0.0)
    batch = type(batch)(batch.ids, batch.sampled, now - shift, batch.images, batch.lengths)
    rewards = (1.0, 4.0, 2.0, 8.0)
    before = [parameter.clone() for parameter in policy.model.parameters()]
    values, loss = agree.our_loss(policy, agree.Fixed(batch, rewards, ("a", "a", "b", "b"), (3, 3, 3, 3)))
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))
    scores = np.array(rewards).reshape(2, 2)
    expected = (scores - scores.mean(1, keepdims=True)) / (scores.std(1, ddof=1, keepdims=True) + 1e-4)
    assert values == pytest.approx(expected.ravel())
    terms = []
    for row, advantage in enumerate(expected.ravel()):
        ratio = shift[row, 3 : batch.lengths[row]].exp().numpy()
        terms.append(np.minimum(ratio * advantage, ratio.clip(0.8, 1.2) * advantage).mean())
    assert loss == pytest.approx(-np.mean(terms), abs=1e-6)


def test_tasks_come_in_the_order_of_the_source(modules: Any, policy: HFPolicy, tmp_path: Path) -> None:
    sides, given = modules("trl_sides"), settings(modules, tmp_path)
    config = sides.GRPOConfig(steps=2, prompts=2, group_size=2, env=given.env())
    learner = sides._Ours(policy, sides.ENV, config)
    assert [(job.task, job.seed) for job in learner._jobs()] == [(0, 0), (0, 0), (1, 1), (1, 1)]
    learner.step = 1
    jobs = learner._jobs()
    assert [job.task for job in jobs] == [2, 2, 3, 3]
    assert jobs[0].group == jobs[1].group != jobs[2].group


def test_ratios(modules: Any) -> None:
    sides, script = modules("trl_sides"), modules("grpo_vs_trl")
    times = ((1.0, 2.0, 1.0, 1.0), (2.0, 2.0, 1.0, 1.0))
    ours = [sides.Figures(*times[0], 600, 300, 5.0, 8.0), sides.Figures(*times[1], 600, 600, 5.0, 8.0)]
    slow = (4.0, 4.0, 3.0, 2.0)
    theirs = [sides.Figures(*slow, 600, 300, 5.0, 8.0), sides.Figures(*slow, 300, 300, 5.0, 8.0)]
    figures = script.compare(list(zip(ours, theirs, strict=True)), (700.0, 900.0), (1000.0, 2000.0))
    assert (figures["rollout_ratio_lowest"], figures["rollout_ratio_highest"]) == (4.0, 4.0)
    assert (figures["update_ratio_lowest"], figures["update_ratio"], figures["update_ratio_highest"]) == (2.0, 3.0, 4.0)
    assert (figures["rollout_cpu_ratio"], figures["update_cpu_ratio"]) == (4.5, 3.0)
    assert figures["memory_ratio"] == 0.5
    assert figures["memory_ratio_above_load"] == pytest.approx(300 / 1100)
    assert sides.medians(ours, "ours")["ours_trained_tokens"] == 450.0


def test_peak_memory_is_at_least_the_present(modules: Any) -> None:
    sides = modules("trl_sides")
    assert sides.memory_mb("VmHWM") >= sides.memory_mb("VmRSS") > 0
