"""A policy as an agent: conversations in, sampled turns out, tokens kept for training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adagym.agents.base import Agent, Conversation, Reply
from adagym.errors import UsageError, require
from adagym.policies.base import TokenTrace
from adagym.protocol import DIALECTS

require("torch", "train")
require("transformers", "train")

from adagym.policies.hf import HFPolicy, PolicyConfig  # noqa: E402  (after the check that names the pip line)
from adagym.policies.sampler import Sampler, SamplerConfig  # noqa: E402  (the same)


class PolicyAgent(Agent):
    """Plays with a policy's sampler; see :mod:`adagym.policies.sampler`.

    Args:
        policy: The model.
        config: How turns are sampled. With empty ``stop``, the dialect's stop strings are used.

    Raises:
        UsageError: On :meth:`submit`, if conversations in flight are of different dialects.
    """

    name = "policy"

    def __init__(self, policy: HFPolicy, config: SamplerConfig | None = None) -> None:
        super().__init__()
        self.policy = policy
        self.config = config or SamplerConfig()
        self.parallel = self.config.slots
        self._sampler: Sampler | None = None
        self._dialect = ""
        self._seen: dict[str, int] = {}

    def submit(self, conversation: Conversation) -> None:
        """Hand a conversation to the sampler; only its new messages are encoded."""
        key, messages = conversation.key, conversation.messages
        sampler = self._sampler_for(conversation.dialect)
        if key in self._seen:
            # The first unseen message is the turn that was just sampled.
            sampler.extend(key, messages[self._seen[key] + 1 :])
            self._seen[key] = len(messages)
        else:
            self._waiting.append(conversation)

    def poll(self) -> list[Reply]:
        """Sample until some turn is complete; episodes beyond the free slots wait for one."""
        if self._sampler is None:
            return []
        room = self._sampler.free
        starting, self._waiting = self._waiting[:room], self._waiting[room:]
        for conversation in starting:
            key, messages = conversation.key, conversation.messages
            self._sampler.start(key, conversation.group, conversation.seed, messages)
            self._seen[key] = len(messages)
        return [Reply(turn.key, turn.text, full=turn.full) for turn in self._sampler.work()]

    def finish(self, key: str) -> TokenTrace | None:
        """Free the episode's slot and return its tokens; None if it never started."""
        self._waiting = [conversation for conversation in self._waiting if conversation.key != key]
        if self._sampler is None or self._seen.pop(key, None) is None:
            return None
        return self._sampler.finish(key)

    def close(self) -> None:
        """Release the sampler and its cache."""
        self._sampler = None
        self._waiting, self._seen = [], {}

    def _sampler_for(self, dialect: str) -> Sampler:
        if self._sampler is not None and dialect == self._dialect:
            return self._sampler
        if self._seen or self._waiting:
            raise UsageError(
                f"A conversation in the dialect `{dialect}` came while others in `{self._dialect}` are running. "
                "Turns end differently in each; play one after the other, or with an agent each."
            )
        self._dialect = dialect
        stop = self.config.stop or DIALECTS.load(dialect).stop
        self._sampler = Sampler(self.policy, replace(self.config, stop=stop))
        return self._sampler


class TinyAgent(PolicyAgent):
    """The embedded model: ``tiny``, or ``tiny:DIR`` for one trained from it. Greedy."""

    name = "tiny"

    def __init__(self, path: str | None = None) -> None:
        from adagym.policies.tiny import load_tiny

        super().__init__(load_tiny(path), SamplerConfig(temperature=0.0, max_tokens=2048))

    @classmethod
    def from_spec(cls, argument: str | None) -> TinyAgent:
        """Build ``tiny`` or ``tiny:DIR``."""
        return cls(argument)


class HFAgent(PolicyAgent):
    """Any transformers image-text model in a local folder: ``hf:PATH``. Greedy.

    Raises:
        UsageError: No path was given.
    """

    name = "hf"

    def __init__(self, path: str | None = None) -> None:
        if not path:
            raise UsageError("`hf` needs a model folder: hf:PATH.")
        config = PolicyConfig(dtype="bfloat16", device="cuda" if _has_cuda() else "cpu")
        policy = HFPolicy.from_pretrained(Path(path), config)
        sampler = SamplerConfig(slots=8, temperature=0.0, max_tokens=16384, max_new_tokens=1024)
        super().__init__(policy, sampler)

    @classmethod
    def from_spec(cls, argument: str | None) -> HFAgent:
        """Build ``hf:PATH``."""
        return cls(argument)


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
