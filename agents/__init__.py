"""Who acts: scripted players, people, recordings, policies and endpoints."""

from __future__ import annotations

from adagym.agents.base import Agent, Conversation, Reply
from adagym.registry import Registry

AGENTS: Registry[type[Agent]] = Registry("agent")
AGENTS.register("random", "adagym.agents.random:RandomAgent", summary="valid calls and answers, uniformly at random")
AGENTS.register(
    "expert", "adagym.agents.scripted:ExpertAgent", summary="a fixed blueprint per family, through its tools"
)
AGENTS.register("human", "adagym.agents.human:HumanAgent", summary="you, in the terminal")
AGENTS.register("replay", "adagym.agents.replay:ReplayAgent", summary="replay:FILE repeats saved episodes")
AGENTS.register("tiny", "adagym.agents.policy:TinyAgent", summary="tiny[:DIR] is the embedded 1.4 M parameter model")
AGENTS.register("hf", "adagym.agents.policy:HFAgent", summary="hf:PATH is a transformers image-text model")
AGENTS.register("vllm", "adagym.agents.vllm:VLLMAgent", summary="vllm:PATH is the same, sampled by vLLM")
AGENTS.register("openai", "adagym.agents.openai:OpenAIAgent", summary="openai:MODEL@URL is a model behind an endpoint")

__all__ = ["AGENTS", "Agent", "Conversation", "Reply"]
