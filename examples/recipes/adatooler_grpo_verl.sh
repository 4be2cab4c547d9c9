#!/usr/bin/env bash
# AT-GRPO of AdaTooler-V-7B (arXiv 2512.16918; its repository's train_qwen25vl.sh) for verl on one node of 8 GPUs.
# Not run here.
#
# The original runs on verl-tool, which adds a tool server to verl; the values that belong to that server (2048 tokens
# per action, 8192 per observation, stop at </tool_call>, observations masked in the loss) are the agent loop's here.
# It is adagym's (docs/verl.md): AGENT_LOOPS is the YAML that names it, and DATA and VALIDATION are folders whose
# rl.parquet holds rows of `adagym.integrations.verl`, made with `reward="at_grpo"` and tasks that have a Tool Benefit
# Score (`scored:DIR`, from `adagym benefit`). MODEL's chat template must keep the pictures that tools return.
set -euo pipefail

MODEL=${MODEL:?the folder of the model after supervised fine-tuning}
DATA=${DATA:?the folder with rl.parquet to train on}
VALIDATION=${VALIDATION:?the folder with rl.parquet to validate on}
AGENT_LOOPS=${AGENT_LOOPS:?the YAML that registers the agent loop}

python3 -m verl.trainer.main_ppo \
    data.train_files="$DATA/rl.parquet" \
    data.val_files="$VALIDATION/rl.parquet" \
    data.return_raw_chat=True \
    data.max_prompt_length=8192 \
    data.max_response_length=8192 \
    data.train_batch_size=32 \
    data.val_batch_size=128 \
    actor_rollout_ref.model.path="$MODEL" \
    actor_rollout_ref.actor.strategy=fsdp \
    actor_rollout_ref.actor.ppo_mini_batch_size=32 \
    actor_rollout_ref.actor.entropy_coeff=0.0 \
    actor_rollout_ref.actor.use_kl_loss=True \
    actor_rollout_ref.actor.kl_loss_coef=0.0 \
    actor_rollout_ref.actor.optim.lr=5e-7 \
    actor_rollout_ref.actor.optim.lr_warmup_steps=10 \
    actor_rollout_ref.rollout.name=vllm \
    actor_rollout_ref.rollout.mode=async \
    actor_rollout_ref.rollout.temperature=1.0 \
    actor_rollout_ref.rollout.top_p=1.0 \
    actor_rollout_ref.rollout.top_k=-1 \
    actor_rollout_ref.rollout.n=8 \
    actor_rollout_ref.rollout.tensor_model_parallel_size=2 \
    actor_rollout_ref.rollout.gpu_memory_utilization=0.5 \
    actor_rollout_ref.rollout.enforce_eager=True \
    actor_rollout_ref.rollout.multi_turn.enable=True \
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=4 \
    actor_rollout_ref.rollout.agent.agent_loop_config_path="$AGENT_LOOPS" \
    actor_rollout_ref.rollout.agent.default_agent_loop=adagym \
    algorithm.adv_estimator=grpo \
    algorithm.kl_ctrl.kl_coef=0.0 \
    trainer.nnodes=1 \
    trainer.n_gpus_per_node=8 \
    trainer.total_training_steps=1000 \
    trainer.save_freq=10 \
    trainer.test_freq=10
