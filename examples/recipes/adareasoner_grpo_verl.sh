#!/usr/bin/env bash
# Tool-GRPO of AdaReasoner-7B (arXiv 2601.18631, Table 8) for verl on one node of 8 GPUs. Not run here.
#
# All values are the table's. What the table does not have is from docs/verl.md: the agent loop, which steps adagym's
# environments and is named in the YAML that AGENT_LOOPS is; DATA and VALIDATION, whose rl.parquet holds rows of
# `adagym.integrations.verl`; and MODEL's chat template, which must keep the pictures that tools return. The table's
# filter of long prompts sees the bare question of such rows.
# The critic's rows of the table (FSDP, learning rate 1e-5, weight decay 0.01, 1 epoch, gradient clip 1.0) are set too;
# GRPO does not train one.
set -euo pipefail

MODEL=${MODEL:?the folder of the cold-started model}
DATA=${DATA:?the folder with rl.parquet to train on}
VALIDATION=${VALIDATION:?the folder with rl.parquet to validate on}
AGENT_LOOPS=${AGENT_LOOPS:?the YAML that registers the agent loop}

python3 -m verl.trainer.main_ppo \
    data.train_files="$DATA/rl.parquet" \
    data.val_files="$VALIDATION/rl.parquet" \
    data.return_raw_chat=True \
    data.max_prompt_length=8192 \
    data.max_response_length=20480 \
    data.train_batch_size=32 \
    data.shuffle=True \
    data.filter_overlong_prompts=True \
    actor_rollout_ref.model.path="$MODEL" \
    actor_rollout_ref.model.enable_gradient_checkpointing=True \
    actor_rollout_ref.actor.strategy=fsdp \
    actor_rollout_ref.actor.ppo_mini_batch_size=8 \
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1 \
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=16384 \
    actor_rollout_ref.actor.grad_clip=1.0 \
    actor_rollout_ref.actor.clip_ratio=0.2 \
    actor_rollout_ref.actor.ppo_epochs=1 \
    actor_rollout_ref.actor.entropy_coeff=0.0 \
    actor_rollout_ref.actor.use_kl_loss=False \
    actor_rollout_ref.actor.optim.lr=1e-6 \
    actor_rollout_ref.actor.optim.weight_decay=0.01 \
    actor_rollout_ref.actor.fsdp_config.param_offload=True \
    actor_rollout_ref.actor.fsdp_config.optimizer_offload=True \
    actor_rollout_ref.rollout.name=vllm \
    actor_rollout_ref.rollout.mode=async \
    actor_rollout_ref.rollout.temperature=1.0 \
    actor_rollout_ref.rollout.top_p=1.0 \
    actor_rollout_ref.rollout.top_k=-1 \
    actor_rollout_ref.rollout.n=4 \
    actor_rollout_ref.rollout.dtype=bfloat16 \
    actor_rollout_ref.rollout.tensor_model_parallel_size=2 \
    actor_rollout_ref.rollout.max_num_batched_tokens=32768 \
    actor_rollout_ref.rollout.gpu_memory_utilization=0.65 \
    actor_rollout_ref.rollout.enforce_eager=False \
    actor_rollout_ref.rollout.enable_chunked_prefill=False \
    actor_rollout_ref.rollout.multi_turn.enable=True \
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=10 \
    actor_rollout_ref.rollout.agent.agent_loop_config_path="$AGENT_LOOPS" \
    actor_rollout_ref.rollout.agent.default_agent_loop=adagym \
    critic.strategy=fsdp \
    critic.optim.lr=1e-5 \
    critic.optim.weight_decay=0.01 \
    critic.ppo_epochs=1 \
    critic.grad_clip=1.0 \
    algorithm.adv_estimator=grpo \
    algorithm.gamma=1.0 \
    algorithm.lam=1.0 \
    algorithm.use_kl_in_reward=False \
    algorithm.kl_ctrl.kl_coef=0.0 \
    algorithm.norm_adv_by_std_in_grpo=True \
    trainer.nnodes=1 \
    trainer.n_gpus_per_node=8
