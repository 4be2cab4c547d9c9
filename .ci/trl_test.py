"""TRL's trainer on an environment: given turns, given pictures, and a reward that rises; run by .ci/trl."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
from trl import GRPOConfig, GRPOTrainer

from adagym.agents.scripted import ExpertAgent
from adagym.algos.coldstart import demonstrations
from adagym.algos.optim import OptimConfig
from adagym.algos.sft import SFTConfig, tokenise, train
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError
from adagym.integrations.trl import TEMPLATE, prepare, rewards, rows, trl_environment
from adagym.policies.encoding import Encoder
from adagym.policies.tiny import load_tiny
from adagym.protocol import DIALECTS
from adagym.types import ToolCall, Trajectory

NAVIGATION = "adagym/VSPNavigation-v0"
OPTIONS: dict[str, Any] = {
    "tasks": "vsp-generated:sides=4,split=train,n=4",
    "prompt": "brief",
    "max_turns": 6,
}
MALFORMED = "<think>x</think><tool_call>{no json</tool_call>"
UNKNOWN = '<think>x</think><tool_call>{"name": "Nothing", "parameters": {}}</tool_call>'
WRONG = '<think>x</think><tool_call>{"name": "Point", "parameters": {"image": "img_9"}}</tool_call>'
ANSWER = "<think>x</think><response>\\boxed{R}</response>"


def make_trainer(policy: Any, folder: Path, n: int, environment: type[Any], **more: Any) -> GRPOTrainer:
    args: dict[str, Any] = {
        "output_dir": str(folder),
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "num_generations": 2,
        "per_device_train_batch_size": 2 * n,
        "max_completion_length": 2048,
        "max_tool_calling_iterations": OPTIONS["max_turns"] - 1,
        "max_steps": 1,
        "beta": 0.0,
        "shuffle_dataset": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        **more,
    }
    return GRPOTrainer(
        model=policy.model,
        reward_funcs=rewards,
        args=GRPOConfig(**args),
        train_dataset=Dataset.from_list(rows(environment, n)),
        processing_class=prepare(policy.processor, environment),
        environment_factory=environment,
    )


class Rollout:
    """What a trainer makes of given turns, those of each group's members one after the other."""

    def __init__(self, trainer: GRPOTrainer, policy: Any, texts: Sequence[Sequence[str]]) -> None:
        self._left = {index: list(turns) for index, turns in enumerate(texts)}
        self._policy = policy
        self._has_begun = False
        self.sampled: dict[int, list[int]] = {index: [] for index in self._left}
        self.trainer = trainer
        policy.model.train()
        trainer._generate_single_turn = self._answer
        members = len(texts) // len(trainer.train_dataset)
        self.outputs = trainer._generate_and_score_completions(
            [r for r in trainer.train_dataset for _ in range(members)]
        )

    def _answer(self, prompt_ids: Any, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        # All begin together; in each round those go on whose last turn was not an answer, in order.
        going = [index for index in self._left if self._left[index] or not self._has_begun]
        self._has_begun = True
        assert len(going) == len(prompt_ids)
        eos = int(self._policy.encoder.tokenizer.eos_token_id)
        turns = [[*self._policy.encoder.text(self._left[index].pop(0)).tolist(), eos] for index in going]
        for index, turn in zip(going, turns, strict=True):
            self.sampled[index] += turn
        return turns, None

    def trained(self, index: int) -> list[int]:
        """Tokens of an episode that carry the loss."""
        mask = self.outputs["completion_mask"][index] * self.outputs["tool_mask"][index]
        ids: list[int] = self.outputs["completion_ids"][index][mask.bool()].tolist()
        return ids

    def episodes(self) -> list[Trajectory]:
        return [environment._env.trajectory() for environment in self.trainer.environments]


def bare(texts: Sequence[str], row: dict[str, Any]) -> Trajectory:
    env = VSPNavigation(**OPTIONS)
    env.reset(seed=row["seed"], options={"task": row["index"]})
    for text in texts:
        if env.trajectory().outcome == "running":
            env.step(text)
    return env.trajectory() if env.trajectory().outcome != "running" else env.truncate()


def expert(row: dict[str, Any]) -> list[str]:
    (shown,) = demonstrations(
        lambda: VSPNavigation(**{**OPTIONS, "tasks": [VSPNavigation(**OPTIONS).tasks[row["index"]]]}),
        ExpertAgent(draw=True),
        1,
        0,
    )
    return list(shown.actions)


def qwen3() -> Any:
    """A Qwen3-VL with fresh weights and the embedded model's tokenizer, as far as a trainer needs a policy."""
    policy = load_tiny()
    ids = policy.encoder.tokenizer.get_vocab()
    unit = policy.processor.image_processor.patch_size
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(policy.encoder.tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0, "mrope_section": [4, 2, 2]},
            "eos_token_id": policy.encoder.tokenizer.eos_token_id,
            "pad_token_id": policy.encoder.tokenizer.pad_token_id,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": unit,
            "spatial_merge_size": 2,
            "temporal_patch_size": 1,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    plain = policy.processor
    processor = Qwen3VLProcessor(
        plain.image_processor, plain.tokenizer, plain.video_processor, chat_template=plain.chat_template
    )
    torch.manual_seed(0)
    encoder = Encoder(processor, "<|image_pad|>", policy.encoder.merge, TEMPLATE)
    return SimpleNamespace(model=Qwen3VLForConditionalGeneration(config), processor=processor, encoder=encoder)


@pytest.mark.parametrize("make", [load_tiny, qwen3])
def test_given_turns_are_played_as_in_the_bare_environment(make: Callable[[], Any], tmp_path: Path) -> None:
    policy = make()
    environment = trl_environment(NAVIGATION, **OPTIONS)
    given = rows(environment, 4)
    texts = [
        [MALFORMED, UNKNOWN, WRONG, "", ANSWER],
        expert(given[0]),
        [WRONG] * 6,
        [ANSWER],
        expert(given[2]),
        [MALFORMED, "<think>x</think><response>\\boxed{D}</response>"],
        expert(given[3]),
        [UNKNOWN, WRONG + WRONG, "< |image_pad|>", MALFORMED, MALFORMED, ANSWER],
    ]
    rollout = Rollout(make_trainer(policy, tmp_path, 4, environment), policy, texts)
    expected = [bare(turns, given[index // 2]) for index, turns in enumerate(texts)]
    for index, (episode, other) in enumerate(zip(rollout.episodes(), expected, strict=True)):
        assert episode.actions == other.actions
        assert [step.observation["text"] for step in episode.steps] == [s.observation["text"] for s in other.steps]
        assert (episode.outcome, episode.reward) == (other.outcome, other.reward)
        assert episode.reward_parts == other.reward_parts
        assert rollout.trained(index) == rollout.sampled[index]
    grids = rollout.outputs["image_grid_thw"]
    pads = (rollout.outputs["completion_ids"] == policy.encoder.image_token_id).sum()
    pads += (rollout.outputs["prompt_ids"] == policy.encoder.image_token_id).sum()
    assert pads == grids.prod(dim=1).sum() // policy.encoder.merge**2
    assert len(grids) == sum(len(message.images) for episode in expected for message in episode.messages)
    assert len(grids) > len(texts)
    policy.model.eval()  # outside of training the loss is not divided by the accumulation steps
    with torch.no_grad():
        assert torch.isfinite(rollout.trainer._compute_loss(policy.model, rollout.outputs))


def test_a_void_episode_is_left_out_of_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    respond = VSPNavigation._respond

    def broken(env: VSPNavigation, episode: Any, parsed: Any) -> Any:
        if parsed.text == WRONG:
            raise InfraError("the server is gone")
        return respond(env, episode, parsed)

    monkeypatch.setattr(VSPNavigation, "_respond", broken)
    policy, environment = load_tiny(), trl_environment(NAVIGATION, **OPTIONS)
    trainer = make_trainer(policy, tmp_path, 1, environment, num_generations=4, per_device_train_batch_size=4)
    right = expert(rows(environment, 1)[0])
    texts = [[WRONG, ANSWER], right, [ANSWER], right]
    rollout = Rollout(trainer, policy, texts)
    assert rollout.episodes()[0].reward is None
    values = rollout.outputs["advantages"].numpy()
    scores = np.array([episode.reward for episode in rollout.episodes()[1:]], dtype=float)
    assert values[0] == 0.0
    assert values[1:] == pytest.approx((scores - scores.mean()) / (scores.std(ddof=1) + 1e-4), abs=1e-4)


def shown_answer(options: dict[str, Any], texts: Sequence[str]) -> VSPNavigation:
    env = VSPNavigation(**options)
    env.reset(seed=0, options={"task": 0})
    for text in texts:
        env.step(text)
    return env


def test_the_reward_rises(tmp_path: Path) -> None:
    options = {**OPTIONS, "tasks": "vsp-generated:sides=3,split=train,n=1", "dialect": "hermes", "max_turns": 2}
    hermes = DIALECTS.load("hermes")
    call = hermes.write_call(ToolCall("Draw2DPath", {"image": "img_1", "start_point": [160, 32], "directions": "D"}))
    right, wrong = hermes.write_answer("D,D,L,L"), hermes.write_answer("U,U,R,R")
    shown = [shown_answer(options, [call, answer]) for answer in (right, wrong)]
    assert [len(env.trajectory().calls[0].images) for env in shown] == [1, 1]
    best, worst = (env.trajectory().reward for env in shown)
    assert best is not None
    assert worst is not None
    assert best > worst
    policy = load_tiny()
    # The cold start teaches both answers, and leaves it to the reward to choose.
    traces = itertools.cycle([tokenise(policy.encoder, env.messages) for env in shown])
    optim = OptimConfig(lr=1.5e-3, muon_lr=3e-3, final=0.05)
    train(policy, traces, SFTConfig(120, batch_size=2, seed=0, optim=optim), lambda step, loss: None)
    before = [parameter.detach().clone() for parameter in policy.model.parameters()]
    trainer = make_trainer(
        policy,
        tmp_path,
        1,
        trl_environment(NAVIGATION, **options),
        num_generations=16,
        per_device_train_batch_size=16,
        max_completion_length=400,
        max_tool_calling_iterations=1,
        generation_kwargs={"max_new_tokens": 64, "suppress_tokens": policy.banned.tolist()},
        max_steps=6,
        learning_rate=2e-4,
        lr_scheduler_type="constant",
        seed=0,
    )
    trainer.train()
    scores = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    assert len(scores) == 6
    assert np.mean(scores[-3:]) > np.mean(scores[:2]) + 0.2 * (best - worst), scores
    after = list(policy.model.parameters())
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > len(after) // 2
    assert all(torch.isfinite(parameter).all() for parameter in after)


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "trl.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(example, "docs/trl.md", "exec"), names)
    assert names["trainer"].state.global_step == 1
