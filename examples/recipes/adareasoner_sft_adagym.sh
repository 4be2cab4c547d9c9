#!/usr/bin/env bash
# Tool Cold Start of AdaReasoner-7B (arXiv 2601.18631, Table 7) with adagym's own trainer on one node of 8 GPUs.
# Not run here.
#
# As in the table: base model, frozen vision, full fine-tuning, learning rate 1e-5 with cosine decay, cutoff length, 16
# rows per step (8 devices x 1 row x 2 accumulated). As in section 2.3: names and descriptions that change per episode.
# Not as in the table:
#   - One environment and 3,000 demonstrations for 3 epochs (562 steps), not 332,649 rows; see `adagym curate` for more.
#   - The rate rises over the first 5 % of the steps, not 10 %, and there is no validation split.
#   - Every process holds the whole model: there is no ZeRO-3. Full fine-tuning in float32 does not fit into 80 GB, so
#     the weights are bfloat16. `--dtype mixed --lora-rank 64` keeps them in float32 and trains adapters instead.
set -euo pipefail

MODEL=${MODEL:?the folder of Qwen2.5-VL-7B-Instruct}

accelerate launch --multi_gpu --num_processes 8 "$(command -v adagym)" train sft adagym/VSPNavigation-v0 \
    --model "$MODEL" \
    --out runs/adareasoner-sft \
    --agent expert \
    --n 3000 \
    --steps 562 \
    --batch-size 16 \
    --max-tokens 35536 \
    --tasks vsp-generated:split=train,n=3000 \
    --adaptive names \
    --prompt full \
    --lr 1e-5 \
    --muon-lr 0 \
    --final 0 \
    --device cuda \
    --dtype bfloat16 \
    --gradient-checkpointing
