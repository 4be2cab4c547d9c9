"""The recipes parse, hold the papers' figures, and those for adagym use options that exist. Nothing is trained."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import tyro
import yaml

from adagym.cli.commands import COMMANDS
from adagym.cli.sources import read_sources
from adagym.cli.train_grpo import GRPO
from adagym.cli.train_sft import SFT
from adagym.rewards import load_preset

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "recipes"
FILES = sorted(path.name for path in FOLDER.iterdir())
SCRIPTS = [name for name in FILES if name.endswith(".sh")]

TABLE_7 = {
    "model_name_or_path": "Qwen/Qwen2.5-VL-7B-Instruct",
    "freeze_vision_tower": True,
    "freeze_multi_modal_projector": True,
    "finetuning_type": "full",
    "max_samples": 332_649,
    "cutoff_len": 35_536,
    "preprocessing_num_workers": 64,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 2,
    "learning_rate": 1e-5,
    "num_train_epochs": 3,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "bf16": True,
    "logging_steps": 10,
    "save_steps": 100,
    "val_size": 0.1,
    "per_device_eval_batch_size": 1,
    "eval_steps": 100,
}

TABLE_8 = {
    "data.max_prompt_length": "8192",
    "data.max_response_length": "20480",
    "data.train_batch_size": "32",
    "data.shuffle": "True",
    "data.filter_overlong_prompts": "True",
    "actor_rollout_ref.actor.strategy": "fsdp",
    "actor_rollout_ref.model.enable_gradient_checkpointing": "True",
    "actor_rollout_ref.actor.ppo_mini_batch_size": "8",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": "1",
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": "16384",
    "actor_rollout_ref.actor.grad_clip": "1.0",
    "actor_rollout_ref.actor.clip_ratio": "0.2",
    "actor_rollout_ref.actor.ppo_epochs": "1",
    "actor_rollout_ref.actor.entropy_coeff": "0.0",
    "actor_rollout_ref.actor.use_kl_loss": "False",
    "actor_rollout_ref.actor.optim.lr": "1e-6",
    "actor_rollout_ref.actor.optim.weight_decay": "0.01",
    "actor_rollout_ref.actor.fsdp_config.param_offload": "True",
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload": "True",
    "trainer.nnodes": "1",
    "trainer.n_gpus_per_node": "8",
    "actor_rollout_ref.rollout.name": "vllm",
    "actor_rollout_ref.rollout.temperature": "1.0",
    "actor_rollout_ref.rollout.top_p": "1.0",
    "actor_rollout_ref.rollout.top_k": "-1",
    "actor_rollout_ref.rollout.n": "4",
    "actor_rollout_ref.rollout.dtype": "bfloat16",
    "actor_rollout_ref.rollout.tensor_model_parallel_size": "2",
    "actor_rollout_ref.rollout.max_num_batched_tokens": "32768",
    "actor_rollout_ref.rollout.gpu_memory_utilization": "0.65",
    "actor_rollout_ref.rollout.enforce_eager": "False",
    "actor_rollout_ref.rollout.enable_chunked_prefill": "False",
    "actor_rollout_ref.rollout.multi_turn.max_assistant_turns": "10",
    "critic.strategy": "fsdp",
    "critic.optim.lr": "1e-5",
    "critic.optim.weight_decay": "0.01",
    "critic.ppo_epochs": "1",
    "critic.grad_clip": "1.0",
    "algorithm.adv_estimator": "grpo",
    "algorithm.gamma": "1.0",
    "algorithm.lam": "1.0",
    "algorithm.use_kl_in_reward": "False",
    "algorithm.kl_ctrl.kl_coef": "0.0",
    "algorithm.norm_adv_by_std_in_grpo": "True",
}

ADATOOLER_SFT = {
    "freeze_vision_tower": True,
    "freeze_multi_modal_projector": True,
    "finetuning_type": "full",
    "image_max_pixels": 2_000_000,
    "image_min_pixels": 40_000,
    "video_max_pixels": 16_384,
    "template": "qwen2_vl",
    "cutoff_len": 32_768,
    "per_device_train_batch_size": 16,
    "gradient_accumulation_steps": 4,
    "learning_rate": 1e-5,
    "num_train_epochs": 1,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "bf16": True,
}

ADATOOLER_GRPO = {
    "data.max_prompt_length": "8192",
    "data.max_response_length": "8192",
    "data.train_batch_size": "32",
    "data.val_batch_size": "128",
    "actor_rollout_ref.actor.ppo_mini_batch_size": "32",
    "actor_rollout_ref.actor.optim.lr": "5e-7",
    "actor_rollout_ref.actor.optim.lr_warmup_steps": "10",
    "actor_rollout_ref.actor.use_kl_loss": "True",
    "actor_rollout_ref.actor.kl_loss_coef": "0.0",
    "actor_rollout_ref.actor.entropy_coeff": "0.0",
    "actor_rollout_ref.rollout.n": "8",
    "actor_rollout_ref.rollout.temperature": "1.0",
    "actor_rollout_ref.rollout.tensor_model_parallel_size": "2",
    "actor_rollout_ref.rollout.gpu_memory_utilization": "0.5",
    "actor_rollout_ref.rollout.enforce_eager": "True",
    "trainer.total_training_steps": "1000",
    "trainer.save_freq": "10",
    "trainer.test_freq": "10",
}


def words(name: str) -> list[str]:
    text = (FOLDER / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return shlex.split(text, comments=True)


def hydra(name: str) -> dict[str, str]:
    """The overrides of a verl script; giving one twice is a mistake."""
    given = words(name)
    pairs = [word.partition("=")[::2] for word in given[given.index("verl.trainer.main_ppo") + 1 :]]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def command(name: str, *path: str) -> Any:
    """What the command line makes of ``adagym PATH...`` in a script."""
    given = words(name)
    begin = next(i for i in range(len(given)) if given[i : i + len(path)] == list(path)) + len(path)
    end = next((i for i in range(begin, len(given)) if given[i] == "accelerate"), len(given))  # the next command
    return tyro.cli(
        COMMANDS.load(" ".join(path)),
        args=given[begin:end],
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
    )


def test_the_readme_lists_every_file() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in FILES if name != "README.md")


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".sh", ".yaml"))])
def test_a_recipe_says_where_it_comes_from_and_that_it_was_not_run(name: str) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    head = lines[1:6] if name.endswith(".sh") else lines[:5]
    assert all(line.startswith("#") for line in head[:2])
    assert "arXiv" in head[0]
    assert "Not run here" in " ".join(head)


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name.endswith("_verl.sh")])
def test_no_override_is_torn(name: str) -> None:
    assert all("." in key and value for key, value in hydra(name).items())


@pytest.mark.parametrize(
    ("name", "table"),
    [("adareasoner_sft_llamafactory.yaml", TABLE_7), ("adatooler_sft_llamafactory.yaml", ADATOOLER_SFT)],
)
def test_llamafactory_holds_the_table(name: str, table: dict[str, Any]) -> None:
    values = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert {key: values[key] for key in table} == table
    assert values["deepspeed"].startswith("examples/deepspeed/ds_z3_")


@pytest.mark.parametrize(
    ("name", "table"), [("adareasoner_grpo_verl.sh", TABLE_8), ("adatooler_grpo_verl.sh", ADATOOLER_GRPO)]
)
def test_verl_holds_the_table(name: str, table: dict[str, str]) -> None:
    values = hydra(name)
    assert {key: values[key] for key in table} == table


def test_our_cold_start_follows_table_7() -> None:
    options: SFT = command("adareasoner_sft_adagym.sh", "train", "sft")
    assert (options.rates.lr, options.rates.muon_lr, options.rates.final) == (1e-5, 0.0, 0.0)
    assert (options.max_tokens, options.batch_size) == (35_536, 8 * 1 * 2)
    assert options.steps == 3 * options.n // options.batch_size
    assert not options.machine.train_vision
    assert options.machine.lora_rank == 0
    assert options.machine.gradient_checkpointing


def test_our_tool_grpo_follows_table_8() -> None:
    options: GRPO = command("adareasoner_grpo_adagym.sh", "train", "grpo")
    assert (options.prompts, options.group_size) == (32, 4)
    assert options.prompts // options.objective.minibatches == 8
    assert (options.objective.clip, options.objective.kl, options.objective.std) == (0.2, 0.0, True)
    assert options.objective.micro_batch == 1
    assert (options.rates.lr, options.rates.muon_lr, options.rates.final) == (1e-6, 0.0, 1.0)
    assert options.sampling.max_tokens == 8192 + 20_480
    assert options.sampling.temperature == 1.0
    assert options.environment.max_turns == 10
    load_preset(options.environment.reward)


def test_our_at_grpo_follows_the_script() -> None:
    options: GRPO = command("adatooler_grpo_adagym.sh", "train", "grpo")
    assert (options.prompts, options.group_size, options.objective.minibatches) == (32, 8, 1)
    assert (options.rates.lr, options.rates.muon_lr) == (5e-7, 0.0)
    assert (options.steps, options.save_every, options.evaluating.eval_every) == (1000, 10, 10)
    assert (options.sampling.max_tokens, options.sampling.max_new_tokens) == (8192 + 8192, 2048)
    assert options.environment.max_turns == 3 + 1
    preset: Any = load_preset(options.environment.reward)
    assert (preset.alpha, preset.gamma, preset.n_max) == (0.6, 2.0, 6)
    scores = command("adatooler_grpo_adagym.sh", "benefit")
    assert scores.k == 8
    assert options.environment.tasks == f"scored:{scores.out}"
    assert scores.dialect == options.environment.dialect == "adatooler"


def test_the_mixture_is_of_registered_environments() -> None:
    path = FOLDER / "adareasoner_sources.json"
    sources = read_sources(path, {"tasks": "vsp-generated:split=train,n=10"})
    assert [source.name for source in sources] == [entry["name"] for entry in json.loads(path.read_text("utf-8"))]
    assert {source.weight for source in sources} == {1}
