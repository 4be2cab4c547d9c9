"""verl's agent loop with a server that answers from a list; run by .ci/verl, where verl is installed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import verl
from datasets import Dataset
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, AgentLoopWorker, DictConfigWrap
from verl.protocol import DataProto
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.workers.rollout.replica import TokenOutput

from adagym.agents.scripted import ExpertAgent
from adagym.agents.seat import conversation_at
from adagym.digest import observation_digest
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.integrations.blocks import content
from adagym.integrations.verl import RETRIES, AdagymAgentLoop, make_env, rows
from adagym.policies.chat import CHAT_TEMPLATE
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import BASE, load_tiny
from adagym.testing.parity import Script, Shown, compare, scripts
from adagym.types import Trajectory

NAVIGATION = "adagym/VSPNavigation-v0"
OPTIONS: dict[str, Any] = {"tasks": "vsp-generated:sides=4,split=train,n=4", "prompt": "brief"}
MALFORMED = "<think>x</think><tool_call>{no json</tool_call>"
UNKNOWN = '<think>x</think><tool_call>{"name": "Nothing", "parameters": {}}</tool_call>'
WRONG = '<think>x</think><tool_call>{"name": "Point", "parameters": {"image": "img_9"}}</tool_call>'
ANSWER = "<think>x</think><response>\\boxed{R}</response>"


class Server:
    """Answers with the tokens of given texts, in order, each with an end token."""

    def __init__(self, policy: HFPolicy, texts: Sequence[str | list[int]]) -> None:
        self._policy = policy
        self._texts = list(texts)
        self.sampled: list[int] = []
        self.requests: list[dict[str, Any]] = []

    async def generate(self, request_id: str, **asked: Any) -> TokenOutput:
        self.requests.append({"id": request_id, **asked})
        text = self._texts.pop(0)
        eos = int(self._policy.encoder.tokenizer.eos_token_id)
        ids = text if isinstance(text, list) else [*self._policy.encoder.text(text).tolist(), eos]
        ids = ids[: asked["sampling_params"]["max_tokens"]]
        self.sampled += ids
        return TokenOutput(token_ids=ids, log_probs=[-0.5] * len(ids), extra_fields={"max_global_steps": 3})


class Each:
    """A server for each episode, found by its first picture."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = {bare((), index).messages[1].images[0].tobytes(): one for index, one in enumerate(servers)}

    async def generate(self, request_id: str, **asked: Any) -> TokenOutput:
        return await self._servers[np.asarray(asked["image_data"][0]).tobytes()].generate(request_id, **asked)


@pytest.fixture(scope="module")
def policy() -> HFPolicy:
    made = load_tiny()
    made.processor.chat_template = CHAT_TEMPLATE
    return made


def make_loop(
    policy: HFPolicy, server: Server, response_length: int = 4096, kind: type[AdagymAgentLoop] = AdagymAgentLoop
) -> AdagymAgentLoop:
    rollout = {"prompt_length": max(response_length, 4096), "response_length": response_length}
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}})
    return kind(
        trainer_config=DictConfigWrap(config),
        server_manager=server,
        tokenizer=policy.processor.tokenizer,
        processor=policy.processor,
        dataset_cls=RLHFDataset,
        data_config=DictConfigWrap(OmegaConf.create({})),
        hf_model_type="qwen2_5_vl",
    )


def play(
    policy: HFPolicy, texts: Sequence[str | list[int]], position: int = 0, length: int = 4096, **options: Any
) -> tuple[AgentLoopOutput, Server]:
    server = Server(policy, texts)
    row = rows(NAVIGATION, seed=3, **{**OPTIONS, **options})[position]

    async def run() -> AgentLoopOutput:
        return await make_loop(policy, server, length).run({"temperature": 1.0}, **row)

    return asyncio.run(run()), server


def bare(texts: Sequence[str], position: int = 0, **options: Any) -> ToolEnv:
    info = rows(NAVIGATION, seed=3, **{**OPTIONS, **options})[position]["extra_info"]
    env = make_env(info["env_id"], info["env_kwargs"])
    env.reset(seed=info["seed"], options={"task": info["index"]})
    for text in texts:
        if env.trajectory().outcome == "running":
            env.step(text)
    return env


def expert(position: int = 0, **options: Any) -> tuple[str, ...]:
    env, agent = bare((), position, **options), ExpertAgent(draw=True)
    for turn in range(9):
        (text,) = agent.act([conversation_at(env, "one", turn=turn, seed=0, group=None)])
        if env.step(text)[2]:
            return env.trajectory().actions
    raise AssertionError("The expert did not answer.")


@pytest.mark.parametrize("dialect", ["adareasoner", "hermes", "adatooler"])
def test_trained_tokens_are_the_sampled_ones_and_the_rest_is_ours(policy: HFPolicy, dialect: str) -> None:
    texts = expert(dialect=dialect)
    output, server = play(policy, texts, dialect=dialect)
    assert len(texts) == 6
    trained = [token for token, kept in zip(output.response_ids, output.response_mask, strict=True) if kept]
    assert trained == server.sampled
    assert output.response_logprobs is not None
    assert output.response_logprobs == [-0.5 * kept for kept in output.response_mask]
    messages = bare(texts, dialect=dialect).messages
    encoder, eos = policy.encoder, int(policy.encoder.tokenizer.eos_token_id)
    assert output.prompt_ids == encoder.prompt(messages[:2]).ids.tolist()
    expected: list[int] = []
    for message in messages[2:]:
        if message.role == "assistant":
            expected += [*encoder.text(message.text).tolist(), eos]
        else:
            expected += encoder.between([message], eos).ids.tolist()
    assert output.response_ids == expected
    pictures = output.multi_modal_data["images"]
    assert [np.asarray(picture).tobytes() for picture in pictures] == [
        image.tobytes() for message in messages for image in message.images
    ]
    assert len(pictures) >= 2
    pads = sum(token == encoder.image_token_id for token in [*output.prompt_ids, *output.response_ids])
    assert pads == sum(encoder.pads(np.asarray(picture)) for picture in pictures)
    assert len(server.requests[0]["image_data"]) == 1
    assert server.requests[-1]["image_data"] == pictures
    assert len({request["id"] for request in server.requests}) == 1
    assert (output.reward_score, output.num_turns) == (8.0, len(messages))
    assert output.extra_fields["reward_extra_info"]["accuracy"] == 1.0


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize(
    ("texts", "options"),
    [
        ((MALFORMED, UNKNOWN, WRONG, "", ANSWER), {}),
        ((MALFORMED, UNKNOWN, WRONG), {"max_turns": 3}),
        ((WRONG, ANSWER), {"adaptive": "names"}),
    ],
)
def test_episodes_are_those_of_the_bare_environment(
    policy: HFPolicy, position: int, texts: tuple[str, ...], options: dict[str, Any]
) -> None:
    output, server = play(policy, texts, position, **options)
    expected = bare(texts, position, **options)
    assert output.reward_score == expected.trajectory().reward
    assert output.extra_fields["reward_extra_info"]["turns"] == len(expected.trajectory().steps)
    assert output.extra_fields["max_global_steps"] == 3
    assert len(server.requests) == len(texts)
    pairs = zip(output.response_ids, output.response_mask, strict=True)
    heard = policy.encoder.decode([token for token, kept in pairs if not kept])
    for message in expected.messages[2:-1]:
        assert message.role == "assistant" or message.text in heard


class Listening(AdagymAgentLoop):
    """Notes what the environment says before verl tokenises it, and the episode."""

    heard: list[list[dict[str, Any]]]
    played: Trajectory

    async def _converse(self, env: ToolEnv, *rest: Any) -> Any:
        self.heard = []
        rollout = await super()._converse(env, *rest)
        self.played = env.trajectory()
        return rollout

    async def _hear(self, rollout: Any, text: str, said: list[dict[str, Any]]) -> bool:
        self.heard.append([block for message in said for block in message["content"]])
        return await super()._hear(rollout, text, said)


def test_parity_with_the_bare_environment(policy: HFPolicy) -> None:
    def player(played: Sequence[Script]) -> list[list[Shown]]:
        return [list(episode(script)) for script in played]

    def episode(script: Script) -> Iterator[Shown]:
        eos = int(policy.encoder.tokenizer.eos_token_id)
        tokenizer = policy.encoder.tokenizer
        server = Server(policy, [[*tokenizer.encode(text, add_special_tokens=False), eos] for text in script.actions])
        info = {"env_id": script.env_id, "env_kwargs": json.dumps(script.env), "index": script.index}

        async def run() -> tuple[AgentLoopOutput, Listening]:
            loop = make_loop(policy, server, 100_000, Listening)
            assert isinstance(loop, Listening)
            return await loop.run({}, extra_info={**info, "seed": script.seed}), loop

        output, loop = asyncio.run(run())
        system, user = loop.played.messages[:2]
        yield Shown(digest(content(user.content), f"{system.text}\n\n"))
        assert output.reward_score == loop.played.reward
        assert len(loop.heard) == len(loop.played.steps) - 1
        for number, step in enumerate(loop.played.steps):
            # What comes with the last turn has no one to read it.
            last = number == len(loop.heard)
            seen = observation_digest(step.observation) if last else digest(loop.heard[number])
            yield Shown(seen, step.reward, step.terminated, step.truncated)

    def digest(shown: list[dict[str, Any]], before: str = "") -> str:
        text = "".join(block["text"] for block in shown if block["type"] == "text")
        pictures = tuple(np.asarray(block["image"]) for block in shown if block["type"] == "image")
        return observation_digest({"text": before + text, "images": pictures})

    drawn = scripts(per_family=17)
    report = compare("verl", player, drawn)
    assert not report.differences, report.differences[0]
    assert report.episodes == 102


def test_a_full_response_truncates(policy: HFPolicy) -> None:
    whole, _ = play(policy, expert())
    for length in (10, 60, len(whole.response_ids) - 5):
        output, server = play(policy, expert(), length=length)
        trained = [token for token, kept in zip(output.response_ids, output.response_mask, strict=True) if kept]
        assert trained == server.sampled
        assert len(output.response_ids) <= length
        assert output.response_ids == whole.response_ids[: len(output.response_ids)]
        assert output.response_mask[-1] == 1
        assert output.extra_fields["reward_extra_info"]["answered"] == 0.0


def test_a_sampled_placeholder_ends_the_episode_before_it(policy: HFPolicy) -> None:
    said = policy.encoder.text(MALFORMED).tolist()
    output, server = play(policy, [[*said, policy.encoder.image_token_id, *said]])
    assert output.response_ids == said
    assert output.response_mask == [1] * len(said)
    assert output.extra_fields["reward_extra_info"]["turns"] == 1.0
    assert len(server.requests) == 1


def test_a_template_that_drops_pictures_is_refused(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    blind = CHAT_TEMPLATE.replace("if block.type == 'image'", "if block.type == 'image' and message.role == 'user'")
    monkeypatch.setattr(policy.processor, "chat_template", blind)
    with pytest.raises(UsageError, match="custom_chat_template"):
        play(policy, expert(dialect="hermes"), dialect="hermes")


def test_infrastructure_failures_are_tried_again_and_then_raised(
    policy: HFPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond, failures = VSPNavigation._respond, iter([True] * RETRIES + [False] * 9)

    def shaky(env: VSPNavigation, episode: Any, parsed: Any) -> Any:
        if next(failures):
            raise InfraError("the server is gone")
        return respond(env, episode, parsed)

    monkeypatch.setattr(VSPNavigation, "_respond", shaky)
    output, server = play(policy, [MALFORMED] * RETRIES + [ANSWER])
    assert output.reward_score == bare([ANSWER]).trajectory().reward
    assert len(server.requests) == RETRIES + 1
    failures = iter([True] * 9)
    with pytest.raises(InfraError, match=f"failed {RETRIES + 1} times.*the server is gone"):
        play(policy, [MALFORMED] * 9)


def test_unscorable_episodes_are_refused(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    score = VSPNavigation._score

    def unscored(env: VSPNavigation, episode: Any) -> None:
        score(env, episode)
        episode.score = None

    monkeypatch.setattr(VSPNavigation, "_score", unscored)
    with pytest.raises(UsageError, match="cannot score"):
        play(policy, [ANSWER])


def test_the_worker_finds_the_loop_and_batches_its_output(policy: HFPolicy, tmp_path: Path) -> None:
    found = tmp_path / "loops.yaml"
    found.write_text("- name: adagym\n  _target_: adagym.integrations.verl.AdagymAgentLoop\n")
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        config = compose(
            "ppo_trainer",
            [
                "actor_rollout_ref.rollout.name=vllm",
                f"actor_rollout_ref.model.path={BASE}",
                f"actor_rollout_ref.rollout.agent.agent_loop_config_path={found}",
                "actor_rollout_ref.rollout.prompt_length=512",
                "actor_rollout_ref.rollout.response_length=1024",
            ],
        )
    config.actor_rollout_ref.model.custom_chat_template = CHAT_TEMPLATE
    worker = AgentLoopWorker(config, Server(policy, []))
    made = rows(NAVIGATION, 2, seed=3, **OPTIONS)
    servers = [Server(policy, expert(0)), Server(policy, [ANSWER])]

    worker.llm_client = Each(servers)
    columns = {key: np.array([row[key] for row in made], dtype=object) for key in made[0]}
    columns |= {"raw_prompt": columns.pop("prompt"), "index": np.arange(2)}
    batch = DataProto.from_dict({"dummy_tensor": torch.zeros(2, 1, dtype=torch.uint8)}, columns)
    output = asyncio.run(worker.generate_sequences(batch))
    for index, server in enumerate(servers):
        mask = output.batch["response_mask"][index].bool()
        assert output.batch["responses"][index][mask].tolist() == server.sampled
        inputs = output.non_tensor_batch["multi_modal_inputs"][index]
        pads = (output.batch["input_ids"][index] == policy.encoder.image_token_id).sum().item()
        assert pads == inputs["image_grid_thw"].prod(dim=1).sum().item() // policy.encoder.merge**2
    assert output.batch["rm_scores"].sum(dim=1).tolist()[0] == 8.0
    assert output.non_tensor_batch["accuracy"].tolist() == [1.0, 0.0]


def test_arguments_are_checked_first() -> None:
    with pytest.raises(UsageError, match="another dialect"):
        rows(NAVIGATION, dialect="openai")
    with pytest.raises(UsageError, match="choose n from 1 to 4"):
        rows(NAVIGATION, 5, **OPTIONS)
    assert SimpleNamespace(**rows(NAVIGATION, 1, **OPTIONS)[0]).agent_name == "adagym"
    assert NAVIGATION in ENVS.names()


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "verl.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/verl.md", "exec"), {})
    written = Dataset.from_parquet("train.parquet")
    assert len(written) == 100
    assert written[5]["extra_info"] == rows(NAVIGATION, 6, tasks="vsp-generated:sides=4")[5]["extra_info"] | {
        "env_kwargs": written[5]["extra_info"]["env_kwargs"]
    }
