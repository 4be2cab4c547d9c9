"""A policy played by vLLM: conversations in, sampled turns out, tokens kept for training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adagym.agents.base import Agent, Conversation, Reply
from adagym.errors import UsageError, require
from adagym.policies.base import TokenLog, TokenTrace
from adagym.protocol import DIALECTS

require("torch", "train")
require("transformers", "train")

from adagym.policies.sampler import SamplerConfig, split_stops  # noqa: E402  (the same)
from adagym.policies.vllm import Coder, Engine, Request, Sampled, VLLMConfig, VLLMEngine  # noqa: E402  (the same)

_SETTINGS = VLLMConfig(memory=0.9)
_EVALUATION = SamplerConfig(slots=64, temperature=0.0, max_tokens=16384, max_new_tokens=1024)


@dataclass
class _Episode(TokenLog):
    """One conversation's tokens."""

    seed: int
    seen: int
    """Messages that are in the tokens."""
    turns: int = 0


class VLLMAgent(Agent):
    """Plays with a vLLM engine; to the collector and the learner it is like :class:`~adagym.agents.policy.PolicyAgent`.

    ``vllm:PATH`` on the command line plays a model folder, greedily.

    Args:
        engine: Samples turns; may serve several agents, one after the other.
        config: How turns are sampled; with empty ``stop``, the dialect's stop strings are used.
    """

    name = "vllm"

    def __init__(self, engine: Engine, config: SamplerConfig) -> None:
        super().__init__()
        self.config = config
        self.parallel = config.slots
        self._engine: Engine | None = engine
        self._coder = engine.coder
        self._episodes: dict[str, _Episode] = {}
        self._running: set[str] = set()
        self._full: list[str] = []

    @classmethod
    def from_spec(cls, argument: str | None) -> VLLMAgent:
        """Build ``vllm:PATH``.

        Raises:
            UsageError: No path was given, or it is no model folder.
        """
        if not argument:
            raise UsageError("`vllm` needs a model folder: vllm:PATH.")
        coder = Coder.from_folder(argument)
        config = replace(_EVALUATION, max_tokens=min(_EVALUATION.max_tokens, coder.longest))
        return cls(VLLMEngine(argument, coder, config, _SETTINGS), config)

    def submit(self, conversation: Conversation) -> None:
        """Queue the next turn; only the new messages are encoded."""
        key, messages = conversation.key, conversation.messages
        episode = self._episodes.get(key)
        if episode is None:
            episode = self._episodes[key] = _Episode(conversation.seed, 0)
            chunk = self._coder.encoder.prompt(messages)
        else:
            # The first unseen message is the turn that was just sampled.
            chunk = self._coder.encoder.between(messages[episode.seen + 1 :], episode.ids[-1])
        episode.seen = len(messages)
        room = self.config.max_tokens - len(episode.ids) - len(chunk.ids)
        pictures = len(episode.images) + len(chunk.images)
        if room < 1 or pictures > self._alive().config.images:
            self._full.append(key)
            return
        episode.extend(chunk.ids, chunk.images)
        self._alive().submit(self._request(key, episode, room, conversation.dialect))
        self._running.add(key)

    def poll(self) -> list[Reply]:
        """Sample until some turn is complete."""
        full, self._full = self._full, []
        if full:
            return [Reply(key, full=True) for key in full]
        while self._running:
            if done := self._alive().step():
                return [self._reply(turn) for turn in done]
        return []

    def finish(self, key: str) -> TokenTrace | None:
        """Forget the episode and return its tokens; None if it never started."""
        self._full = [other for other in self._full if other != key]
        if key in self._running:
            self._running.remove(key)
            self._alive().abort(key)
        episode = self._episodes.pop(key, None)
        return None if episode is None else episode.trace()

    def close(self) -> None:
        """Let go of the engine; whoever else holds it can go on with it."""
        self._engine = None
        self._episodes, self._running, self._full = {}, set(), []

    def _alive(self) -> Engine:
        if self._engine is None:
            raise UsageError("This agent was closed; make another one.")
        return self._engine

    def _request(self, key: str, episode: _Episode, room: int, dialect: str) -> Request:
        stop_ids, stop_texts = split_stops(self._coder.encoder, self.config.stop or DIALECTS.load(dialect).stop)
        return Request(
            key=key,
            ids=tuple(episode.ids),
            images=tuple(episode.images),
            seed=int(np.random.SeedSequence([episode.seed, episode.turns]).generate_state(1)[0]),
            max_new_tokens=min(self.config.max_new_tokens, room),
            temperature=self.config.temperature,
            stop_ids=self._coder.end_ids | stop_ids,
            stop_texts=stop_texts,
        )

    def _reply(self, turn: Sampled) -> Reply:
        self._running.remove(turn.key)
        episode = self._episodes[turn.key]
        episode.turns += 1
        episode.append(turn.ids, turn.logprobs)
        return Reply(turn.key, self._coder.encoder.decode(turn.ids), turn.error)
