#!/usr/bin/env bash
# AT-GRPO of AdaTooler-V-7B (arXiv 2512.16918; its repository's train_qwen25vl.sh) with adagym's own learner on one node
# of 8 GPUs. Not run here.
#
# As in the script: 32 prompts of 8 episodes and one optimiser step per batch; learning rate 5e-7; no KL; temperature 1;
# at most 3 tool calls, hence 4 turns; turns of at most 2048 tokens; 8192 prompt and 8192 response tokens, together
# 16384; 1000 steps, saved and evaluated every 10. The reward is the paper's, with the released constants: accuracy plus
# alpha = 0.6 times the Tool Benefit Score, weighted by the number of calls (gamma = 2, n_max = 6).
# Not as in the script:
#   - One environment of this suite; the paper's mix is of 300k questions about pictures and videos.
#   - The Tool Benefit Score comes from MODEL itself; the paper's comes from Qwen2.5-VL-72B-Instruct.
#   - The clip of 0.2 is verl's default, which the script leaves as it is.
#   - The rate rises over the first 5 % of the steps (50), not over 10 steps.
#   - The learner's own sampler in each of 8 processes: its vLLM engine works in one process.
#   - Every process holds the whole model: there is no FSDP. Full fine-tuning in float32 does not fit into 80 GB, so the
#     weights are bfloat16. `--dtype mixed --lora-rank 64` trains adapters instead.
set -euo pipefail

MODEL=${MODEL:?the folder of the model after supervised fine-tuning}

# S+ and S-: 8 episodes of each task with tools and 8 without.
adagym benefit adagym/VSPNavigation-v0 \
    --agent "hf:$MODEL" \
    --tasks vsp-generated:split=train,n=9000 \
    --k 8 \
    --dialect adatooler \
    --out runs/adatooler-benefit

accelerate launch --multi_gpu --num_processes 8 "$(command -v adagym)" train grpo adagym/VSPNavigation-v0 \
    --model "$MODEL" \
    --out runs/adatooler-grpo \
    --steps 1000 \
    --prompts 32 \
    --group-size 8 \
    --save-every 10 \
    --tasks scored:runs/adatooler-benefit \
    --dialect adatooler \
    --prompt full \
    --max-turns 4 \
    --reward at_grpo:alpha=0.6,gamma=2,n_max=6 \
    --slots 16 \
    --max-tokens 16384 \
    --max-new-tokens 2048 \
    --temperature 1.0 \
    --clip 0.2 \
    --kl 0.0 \
    --micro-batch 1 \
    --minibatches 1 \
    --eval-every 10 \
    --eval-n 128 \
    --lr 5e-7 \
    --muon-lr 0 \
    --final 1 \
    --device cuda \
    --dtype bfloat16 \
    --gradient-checkpointing
