#!/usr/bin/env bash
# Tool-GRPO of AdaReasoner-7B (arXiv 2601.18631, Table 8) with adagym's own learner on one node of 8 GPUs. Not run here.
#
# As in the table: 32 prompts of 4 episodes per step; mini-batches of 8 prompts, hence 4 optimiser steps; one episode
# per forward pass; learning rate 1e-6; clip 0.2; no KL, no entropy bonus; advantages over the group's deviation;
# temperature 1; at most 10 turns; 8192 prompt and 20480 response tokens, together 28672; gradient norm at most 1 (the
# learner's default); gradient checkpointing. As in the released scripts: token-mean loss and a dual clip at 3.
# As in section 2.3: names and descriptions that change per episode.
# Not as in the table:
#   - The two VSP tasks (adareasoner_sources.json); the paper adds Jigsaw, WebQA and visual search.
#   - Turns of at most 2048 tokens: the table limits only the whole response.
#   - No weight decay (the table has 0.01), and the rate rises over the first 5 % of the steps.
#   - The learner's own sampler in each of 8 processes: its vLLM engine works in one process.
#   - Every process holds the whole model: there is no FSDP and no offloading. Full fine-tuning in float32 does not fit
#     into 80 GB, so the weights are bfloat16. `--dtype mixed --lora-rank 64` trains adapters instead.
#   - 300 steps: the table gives no number.
set -euo pipefail

accelerate launch --multi_gpu --num_processes 8 "$(command -v adagym)" train grpo \
    --sources examples/recipes/adareasoner_sources.json \
    --model runs/adareasoner-sft/model \
    --out runs/adareasoner-grpo \
    --steps 300 \
    --prompts 32 \
    --group-size 4 \
    --save-every 50 \
    --tasks vsp-generated:split=train,n=9000 \
    --adaptive names \
    --prompt full \
    --max-turns 10 \
    --reward tool_grpo \
    --slots 16 \
    --max-tokens 28672 \
    --max-new-tokens 2048 \
    --temperature 1.0 \
    --clip 0.2 \
    --dual-clip 3.0 \
    --aggregate token-mean \
    --kl 0.0 \
    --micro-batch 1 \
    --minibatches 4 \
    --lr 1e-6 \
    --muon-lr 0 \
    --final 1 \
    --device cuda \
    --dtype bfloat16 \
    --gradient-checkpointing
