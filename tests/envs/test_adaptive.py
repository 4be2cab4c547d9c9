"""Environments whose tools go under other names in every episode."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest

from adagym.agents.apprentice import ApprenticeAgent
from adagym.agents.random import RandomAgent
from adagym.agents.scripted import ExpertAgent
from adagym.agents.seat import conversation_at
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.metrics import rollout_metrics
from adagym.envs.vector import ToolVectorEnv
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.envs.wrappers import Disguise
from adagym.envs.wrappers.disguise import ENVELOPE
from adagym.envs.wrappers.wording import load_library, match
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.protocol.base import PromptStyle
from adagym.store import Store, differences, read_trajectories, replay
from adagym.testing import check_env, digest
from adagym.types import TextBlock, ToolCall, Trajectory

ENVS = {"vsp_navigation": "adagym/VSPNavigation-v0", "vsp_verification": "adagym/VSPVerification-v0"}
TASKS = "vsp-generated:sides=5,n=20,seed=3"
ALL = "names,fields,errors"
START, GOAL = [32, 32], [96, 32]

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Point", {"image": "img_1", "description": "Elf"}),
    ("Point", {"image": "img_1", "description": "a unicorn"}),
    ("Point", {}),
    ("Point", {"image": "img_1", "description": "Elf", "zoom": 2}),
    ("Point", {"image": "img_9", "description": "Elf"}),
    ("Point", {"image": "img_1", "description": ""}),
    ("Draw2DPath", {"image": "img_1", "start_point": [10, 10], "directions": "R", "step": 20}),
    ("Draw2DPath", {"image": "img_1", "start_point": "x", "directions": "R"}),
    ("Draw2DPath", {"image": "img_1", "start_point": START, "directions": "R", "step": "much"}),
    ("Draw2DPath", {"image": "img_1", "start_point": START, "directions": "R", "step": 0}),
    ("Draw2DPath", {"image": "img_1", "start_point": START, "directions": "R", "pixel_coordinate": "maybe"}),
    ("Draw2DPath", {"image": "img_1", "start_point": START, "directions": "R", "line_width": 99}),
    ("Draw2DPath", {"image": "img_1", "start_point": START, "directions": "R", "line_color": "mauve"}),
    ("Draw2DPath", {"image": "img_1", "start_point": [999, 999], "directions": "R"}),
    ("Draw2DPath", {"image": "img_1", "start_point": START, "directions": "L"}),
    ("Draw2DPath", {"image": "img_1", "start_point": START, "directions": "forward"}),
    ("AStar", {"start": START, "goal": GOAL, "obstacles": []}),
    ("AStar", {"start": START, "goal": GOAL, "obstacles": "none"}),
    ("AStar", {"start": START, "goal": GOAL, "obstacles": [START]}),
    ("AStar", {"start": START, "goal": [999, 32], "obstacles": []}),
    ("AStar", {"start": START, "goal": GOAL, "obstacles": [], "cell_size": 1}),
    ("AStar", {"start": START, "goal": GOAL, "obstacles": [], "cell_size": 0}),
    ("AStar", {"start": START, "goal": [160, 32], "obstacles": [[96, x] for x in (32, 96, 160, 224, 288)]}),
    ("NoSuchTool", {}),
)
"""A call for every text that a result of these tools can hold, in original names."""


def make(adaptive: str | None = ALL, **kwargs: Any) -> VSPNavigation:
    return VSPNavigation(TASKS, adaptive=adaptive, max_turns=60, **kwargs)


def reset(env: VSPNavigation, seed: int = 0, task: int = 0) -> Disguise:
    env.reset(seed=seed, options={"task": task})
    assert env.disguise is not None
    return env.disguise


def write(call: ToolCall, dialect: str = "adareasoner") -> str:
    return DIALECTS.load(dialect).write_call(call, "I try.")


def texts_of(value: Any) -> Iterator[str]:
    """Every key of a JSON value."""
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_of(item)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def originals(disguise: Disguise) -> set[str]:
    return {*disguise.tools, *disguise.parameters}


@pytest.mark.parametrize("prompt", ["full", "brief"])
@pytest.mark.parametrize("dialect", DIALECTS.names())
@pytest.mark.parametrize("family", ENVS)
def test_the_expert_solves_20_of_20_under_every_disguise(family: str, dialect: str, prompt: PromptStyle) -> None:
    kwargs: dict[str, Any] = {"dialect": dialect, "prompt": prompt, "adaptive": ALL}
    collector = Collector(lambda: gym.make(ENVS[family], disable_env_checker=True, **kwargs), ExpertAgent(draw=True), 8)
    played = [rollout.trajectory for rollout in collector.collect(Job(n, seed=n) for n in range(20))]
    collector.close()
    assert [trajectory.reward for trajectory in played] == [8.0] * 20
    assert {call.tool for trajectory in played for call in trajectory.calls} <= {"Point", "AStar", "Draw2DPath"}


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_the_prompt_names_no_tool_or_parameter(dialect: str) -> None:
    for prompt in ("full", "brief"):
        env = make("names", dialect=dialect, prompt=prompt)
        for seed in range(10):
            disguise = reset(env, seed)
            prompted = env.messages[0].text
            telling = {name for name in originals(disguise) if not name.islower() or "_" in name}
            assert telling == {
                *("Point", "Draw2DPath", "AStar"),
                *("start_point", "pixel_coordinate", "line_width", "line_color", "cell_size"),
            }
            assert not words(prompted) & telling
            # Plain words may occur in a sentence, but not where a name stands.
            assert not set(re.findall(r'"(\w+)"', prompted)) & {"image", "directions", "step", "start", "goal"}
            for spec in env.action_space.tools:
                assert spec.name in disguise.tools.values()
                assert set(spec.properties) <= set(disguise.parameters.values())
                if dialect != "openai":
                    assert spec.name in prompted
                    assert all(name in prompted for name in spec.required)


@pytest.mark.parametrize("seed", range(8))
def test_no_result_gives_an_original_name_away(seed: int) -> None:
    env = make(ALL)
    disguise = reset(env, seed)
    hidden = originals(disguise) | disguise.fields.keys()
    assert hidden >= {*ENVELOPE, "points", "path", "image_dimensions_pixels", "width", "height"}
    for name, arguments in CALLS:
        observation, *_, info = env.step(write(disguise.mask_call(ToolCall(name, arguments))))
        told = json.loads(observation["text"].partition("\nNew image")[0])
        assert set(texts_of(told)) <= set(disguise.fields.values())
        assert told[disguise.fields["tool_response_from"]] in {*disguise.tools.values(), "NoSuchTool"}
        message = told.get(disguise.fields["message"], "")
        assert not words(message) & hidden, message
        assert info["result"].message == message


def test_names_alone_hide_names_in_the_original_texts() -> None:
    env = make("names")
    disguise = reset(env)
    image, description, start = (disguise.parameters[name] for name in ("image", "description", "start"))
    said = {}
    for name, arguments in CALLS:
        *_, info = env.step(write(disguise.mask_call(ToolCall(name, arguments))))
        message = info["result"].message
        said[message.split(" ")[0]] = message
        told = json.loads(env.messages[-1].content[0].text)
        assert set(told) >= {"tool_response_from", "status", "error_code"}
        quoted = set(re.findall(r"`(\w+)`", message))
        assert quoted <= set(disguise.parameters.values())
        assert not words(message) & {"Draw2DPath", "AStar", "Point", "start_point", "cell_size", "line_width", "goal"}
    assert said["Missing"] == f"Missing required parameters: {image}, {description}. Expected: {image}, {description}."
    assert said["Unknown"] == f"Unknown parameters: zoom. Expected: {image}, {description}."
    assert said["There"] == f"There is no tool named 'NoSuchTool'. The tools are: {', '.join(disguise.tools.values())}."
    assert said["The"] == f"The {start} is one of the {disguise.parameters['obstacles']}."
    assert said["Path"] == "Path drawn successfully"


def test_every_text_of_the_tools_is_known_to_the_library() -> None:
    plain, disguised = make(None), make(ALL)
    plain.reset(seed=0, options={"task": 0})
    disguise = reset(disguised)
    for name, arguments in CALLS:
        *_, before = plain.step(write(ToolCall(name, arguments)))
        *_, after = disguised.step(write(disguise.mask_call(ToolCall(name, arguments))))
        if before["result"].message:
            assert before["result"].message != after["result"].message
            (_,) = (text for text in load_library().texts if match(text, before["result"].message) is not None)
        assert before["result"].check == after["result"].check
        assert before["result"].error_code == after["result"].error_code
        assert before["result"].data == after["result"].data


def test_original_names_are_unknown() -> None:
    env = make("names")
    disguise = reset(env)
    *_, info = env.step(write(ToolCall("Point", {"image": "img_1", "description": "Elf"})))
    result = info["result"]
    assert (result.error_code, result.check.known) == (202, False)
    assert "There is no tool named 'Point'." in env.messages[-1].text
    assert '{"tool_response_from": "Point", "status": "failed"' in env.messages[-1].text
    tool, image = disguise.tools["Point"], disguise.parameters["image"]
    *_, info = env.step(write(ToolCall(tool, {"image": "img_1", "description": "Elf"})))
    assert info["result"].error_code == 205
    assert not set(info["result"].check.given) & set(info["result"].check.allowed)
    extra = {image: "img_1", disguise.parameters["description"]: "Elf", "image": "img_1"}
    *_, info = env.step(write(ToolCall(tool, extra)))
    assert info["result"].error_code == 201
    assert info["result"].message.startswith("Unknown parameters: image. Expected: ")
    env.step(r"<think>x</think><response>\boxed{L}</response>")
    counted = rollout_metrics([Rollout(0, Job(0), env.trajectory())])
    assert (counted["calls_unknown"], counted["calls_Point"]) == (1, 2)


@pytest.mark.parametrize("adaptive", ["names", ALL])
def test_an_alias_is_as_unknown_as_the_name_it_stands_for(adaptive: str) -> None:
    env = make(adaptive, tools=("Crop",))
    disguise = reset(env)
    tool, image = disguise.tools["Crop"], disguise.parameters["image"]
    for written in ("bbox", "coordinates"):
        *_, info = env.step(write(ToolCall(tool, {image: "img_1", written: [0, 0, 9, 9]})))
        assert (info["result"].error_code, info["result"].check.valid) == (205, ("image",))
        extra = {image: "img_1", disguise.parameters["coordinates"]: [0, 0, 9, 9], written: 1}
        *_, info = env.step(write(ToolCall(tool, extra)))
        assert info["result"].error_code == 201
        assert re.search(rf"(?<![?\w]){written}\b", info["result"].message)
    *_, info = env.step(write(disguise.mask_call(ToolCall("Crop", {"image": "img_1", "bbox": [0, 0, 9, 9]}))))
    assert info["result"].ok
    assert info["result"].check.given == ("image", "coordinates")


def test_what_the_agent_wrote_is_kept_and_results_have_original_names() -> None:
    env = make(ALL)
    disguise = reset(env)
    written = disguise.mask_call(ToolCall("Point", {"image": "img_1", "description": "Elf"}))
    *_, info = env.step(write(written))
    assert info["call"] == written
    assert info["result"].tool == "Point"
    assert set(info["result"].data) == {"points", "image_dimensions_pixels"}
    assert info["result"].check.given == ("image", "description")


@pytest.mark.parametrize("reward", ["tool_grpo", "adareasoner_code"])
def test_rewards_do_not_notice_the_disguise(reward: str) -> None:
    scores = []
    for adaptive in (None, "names", ALL):
        env = make(adaptive, reward=reward)
        env.reset(seed=0, options={"task": 0})
        for name, arguments in CALLS:
            call = ToolCall(name, arguments)
            env.step(write(call if env.disguise is None else env.disguise.mask_call(call)))
        env.step(r"<think>x</think><response>\boxed{L}</response>")
        trajectory = env.trajectory()
        scores.append((trajectory.reward, trajectory.reward_parts))
    assert scores[0] == scores[1] == scores[2]
    assert scores[0][0] not in (0, None)


def test_a_disguise_is_a_function_of_seed_and_task() -> None:
    one, other = make("names"), make(ALL)
    drawn = reset(one, 5, 2)
    assert reset(one, 5, 2) == drawn
    assert reset(other, 5, 2).tools == drawn.tools
    assert reset(other, 5, 2).parameters == drawn.parameters
    assert reset(other, 5, 2).descriptions == drawn.descriptions
    assert reset(one, 6, 2).tools != drawn.tools
    assert reset(one, 5, 3).tools != drawn.tools


def test_without_a_seed_the_generator_gives_one_that_replays() -> None:
    env = make(ALL)
    env.reset(seed=1)
    first = [reset_unseeded(env).seed for _ in range(3)]
    assert len(set(first)) == 3
    env.reset(seed=1)
    assert [reset_unseeded(env).seed for _ in range(3)] == first
    for action in played_actions(env):
        env.step(action)
    trajectory = env.trajectory()
    assert differences(trajectory, replay(trajectory)) == []


def reset_unseeded(env: VSPNavigation) -> Trajectory:
    env.reset()
    return env.trajectory()


def played_actions(env: VSPNavigation) -> Iterator[str]:
    for turn in range(5):
        yield ExpertAgent().act([conversation_at(env, "a", turn=turn)])[0]


def test_saved_episodes_replay_byte_for_byte(tmp_path: Any) -> None:
    for position, adaptive in enumerate((None, "names", f"{ALL},prefix=Func_,length=4")):
        env = make(adaptive)
        env.reset(seed=7)
        for action in played_actions(env):
            env.step(action)
        with Store(tmp_path / f"{position}.jsonl") as store:
            store.append(env.trajectory())
        (saved,) = read_trajectories(tmp_path / f"{position}.jsonl")
        assert saved.env_kwargs["adaptive"] == adaptive
        assert saved.reward == 8
        assert differences(saved, replay(saved)) == []


def test_a_snapshot_and_a_pickle_go_on_under_the_same_names() -> None:
    env = make(ALL)
    disguise = reset(env)
    actions = list(played_actions_by_hand(disguise))
    env.step(actions[0])
    saved = pickle.loads(pickle.dumps(env.snapshot()))
    twin = pickle.loads(pickle.dumps(env))
    for action in actions[1:]:
        env.step(action)
    expected = digest(env.trajectory())
    reset(env, 9, 4)
    env.restore(saved)
    for continued in (env, twin):
        assert continued.disguise == disguise
        assert continued.action_space.tools[0].name == disguise.tools["Point"]
        for action in actions[1:]:
            continued.step(action)
        assert digest(continued.trajectory()) == expected


def played_actions_by_hand(disguise: Disguise) -> Iterator[str]:
    for name, arguments in CALLS[:8]:
        yield write(disguise.mask_call(ToolCall(name, arguments)))


@pytest.mark.parametrize("env_id", ENVS.values())
@pytest.mark.parametrize("adaptive", ["names", ALL])
def test_disguised_environments_fulfil_the_contract(env_id: str, adaptive: str) -> None:
    check_env(gym.make(env_id, adaptive=adaptive))


def test_sampled_calls_are_valid_under_the_disguise() -> None:
    env = make(ALL)
    for seed in range(30):
        reset(env, seed)
        env.action_space.seed(seed)
        *_, info = env.step(env.action_space.sample_call())
        check = info["result"].check
        assert check.known
        assert set(check.valid) == set(check.given) >= set(check.required)


def test_the_random_agent_plays_under_a_disguise() -> None:
    env = make(ALL)
    reset(env)
    (text,) = RandomAgent().act([conversation_at(env, "a", turn=0, seed=3)])
    assert DIALECTS.load("adareasoner").parse(text).format_ok


def test_groups_share_a_disguise_and_others_do_not() -> None:
    envs = ToolVectorEnv(make, 4, group_size=2)
    observations, _ = envs.reset(seed=3)
    texts = list(observations["text"])
    envs.close()
    assert texts[0] == texts[1] != texts[2] == texts[3]


def test_every_reset_of_a_training_group_shows_the_same_prompt() -> None:
    agent = ExpertAgent()
    collector = Collector(lambda: make(ALL), agent, 4)
    jobs = [Job(0, 11, "a"), Job(0, 11, "a"), Job(1, 12, "b"), Job(1, 12, "b")]
    rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    collector.close()
    prompts = [rollout.trajectory.messages[0].content[0] for rollout in rollouts]
    assert all(isinstance(block, TextBlock) for block in prompts)
    assert prompts[0] == prompts[1] != prompts[2] == prompts[3]


def test_a_script_without_its_tool_says_the_original_names() -> None:
    env = make(ALL, tools=["Draw2DPath"])
    reset(env)
    with pytest.raises(UsageError, match="calls Point, but the environment offers Draw2DPath"):
        ExpertAgent().act([conversation_at(env, "a", turn=0)])


def test_tasks_with_tools_of_their_own_are_disguised_too() -> None:
    env = make(ALL)
    env.reset(seed=0, options={"task": replace(env.tasks[0], tool_names=("AStar",))})
    assert env.disguise is not None
    assert list(env.disguise.tools) == ["AStar"]
    assert [spec.name for spec in env.action_space.tools] == list(env.disguise.tools.values())
    env.reset(seed=0, options={"task": replace(env.tasks[0], tool_names=())})
    assert env.action_space.tools == ()


def test_original_names_stay_without_the_argument() -> None:
    env = make(None)
    env.reset(seed=0)
    assert env.disguise is None
    assert [spec.name for spec in env.action_space.tools] == ["Point", "Draw2DPath", "AStar"]
    assert conversation_at(env, "a", turn=0).disguise is None


def test_the_apprentice_works_the_same_way_under_a_disguise() -> None:
    answers = []
    for adaptive in (None, ALL):
        collector = Collector(lambda adaptive=adaptive: make(adaptive), ApprenticeAgent(), 8)
        rollouts = sorted(collector.collect(Job(n, seed=n) for n in range(20)), key=lambda rollout: rollout.index)
        collector.close()
        played = [rollout.trajectory for rollout in rollouts]
        answers.append([(trajectory.answer, [call.tool for call in trajectory.calls]) for trajectory in played])
    assert answers[0] == answers[1]
    assert len({len(calls) for _, calls in answers[0]}) >= 3
