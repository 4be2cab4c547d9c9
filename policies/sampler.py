"""A batched sampler that never waits for the slowest episode.

Each episode owns a slot: a row of a static key-value cache that survives tool turns, so nothing is encoded
twice. Members of a group copy their prompt's keys and values from the first member. A finished turn frees
the caller to step its environment while the other slots go on; what the environment returns is encoded
together with whatever else has arrived.

Sampling is reproducible whatever the order of events: each episode draws from a generator of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from adagym.errors import UsageError
from adagym.policies.base import TokenLog, TokenTrace
from adagym.policies.encoding import Chunk, Encoder
from adagym.policies.hf import HFPolicy
from adagym.policies.slots import SlotCache
from adagym.types import Message


@dataclass(frozen=True)
class SamplerConfig:
    """How turns are sampled."""

    slots: int = 64
    """Episodes in flight."""
    max_tokens: int = 1024
    """Tokens of a whole conversation; an episode that needs more is cut off."""
    max_new_tokens: int = 256
    """Tokens of one turn."""
    temperature: float = 1.0
    """0 takes the most likely token."""
    stop: tuple[str, ...] = ()
    """Strings that end a turn and stay part of it."""
    admit: int = 8
    """Waiting chunks that are worth a forward pass of their own while others decode."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.slots, self.max_tokens, self.max_new_tokens, self.admit) < 1 or self.temperature < 0:
            raise UsageError(
                f"slots, max_tokens, max_new_tokens and admit must be positive, temperature at least 0: {self}."
            )


@dataclass(frozen=True)
class Turn:
    """A sampled turn."""

    key: str
    text: str
    full: bool = False
    """The conversation does not fit into ``max_tokens``; nothing was sampled, and the episode can only be finished."""


@dataclass
class _Episode(TokenLog):
    """One slot's bookkeeping."""

    key: str
    group: Hashable
    slot: int
    rng: np.random.Generator
    cached: int = 0
    """Leading tokens whose keys and values are in the cache."""
    position: int = 0
    """Rotary position of the next token."""
    turn: list[int] = field(default_factory=list)
    """Tokens of the turn being sampled."""


class Sampler:
    """Samples turns for many conversations at once.

    Args:
        policy: The model.
        config: See :class:`SamplerConfig`.
    """

    def __init__(self, policy: HFPolicy, config: SamplerConfig) -> None:
        self.policy = policy
        self.config = config
        layers = int(policy.model.config.get_text_config().num_hidden_layers)
        self._cache = SlotCache(layers, config.slots, config.max_tokens)
        self._free = list(range(config.slots))[::-1]
        self._episodes: dict[str, _Episode] = {}
        self._waiting: list[tuple[_Episode, Chunk]] = []
        self._decoding: list[_Episode] = []
        stop_ids, self._stop_texts = split_stops(policy.encoder, config.stop)
        self._stop_ids = policy.end_ids | stop_ids

    @property
    def free(self) -> int:
        """Slots that no episode owns."""
        return len(self._free)

    def start(self, key: str, group: Hashable, seed: int, messages: Sequence[Message]) -> None:
        """Begin an episode.

        Args:
            key: Identifies the episode.
            group: Episodes with equal groups (not None) have the same prompt.
            seed: Seeds the episode's draws.
            messages: Its prompt.

        Raises:
            UsageError: All slots are taken, the key is in use, or the template refuses the messages.
        """
        if key in self._episodes:
            raise UsageError(f"Episode `{key}` is already running; finish it first, or choose another key.")
        if not self._free:
            raise UsageError(f"Episode `{key}` cannot start: all {self.config.slots} slots are taken. Finish one.")
        # Members of a group start alike: what waits for one of them need not be tokenised again.
        alike = (found for other, found in self._waiting if other.group == group and not other.ids)
        chunk = (next(alike, None) if group is not None else None) or self.policy.encoder.prompt(messages)
        episode = _Episode(key, group, self._free.pop(), np.random.default_rng(seed))
        self._episodes[key] = episode
        self._waiting.append((episode, chunk))

    def extend(self, key: str, messages: Sequence[Message]) -> None:
        """Continue an episode after its environment has answered with ``messages``."""
        episode = self._episodes[key]
        self._waiting.append((episode, self.policy.encoder.between(messages, episode.ids[-1])))

    def work(self) -> list[Turn]:
        """Sample until at least one turn is complete, and return all that are; empty if nothing is left to do."""
        done: list[Turn] = []
        with torch.inference_mode(), self.policy.precision():
            while not done and (self._waiting or self._decoding):
                # With few slots `admit` may never be reached; then half of what is in flight is worth a pass.
                if self._waiting and len(self._waiting) >= min(self.config.admit, len(self._decoding)):
                    done += self._admit()
                if self._decoding and not done:
                    done += self._step()
        return done

    def finish(self, key: str) -> TokenTrace:
        """End an episode, free its slot and return its tokens."""
        episode = self._episodes.pop(key)
        self._decoding = [other for other in self._decoding if other is not episode]
        self._waiting = [(other, chunk) for other, chunk in self._waiting if other is not episode]
        # In order, so that a sampler without episodes is as good as new: a resumed run repeats its batches exactly.
        self._free = sorted([*self._free, episode.slot], reverse=True)
        if not self._episodes:
            self._cache.release()  # an update between two batches has better use for the memory
        return episode.trace()

    def _admit(self) -> list[Turn]:
        """Encode everything that waits, and sample each episode's next token."""
        waiting, self._waiting = self._waiting, []
        full = [episode for episode, chunk in waiting if len(episode.ids) + len(chunk.ids) + 1 > self.config.max_tokens]
        fitting = [(episode, chunk) for episode, chunk in waiting if all(episode is not other for other in full)]
        leaders, followers = self._split_groups(fitting)
        done = [Turn(episode.key, "", full=True) for episode in full]
        # Chunks of similar length share a forward pass, so that little of it is padding.
        leaders.sort(key=lambda pair: len(pair[1].ids) + len(pair[0].ids) - pair[0].cached)
        for begin in range(0, len(leaders), self.config.admit):
            done += self._encode(leaders[begin : begin + self.config.admit], followers)
        return done

    def _split_groups(
        self, waiting: list[tuple[_Episode, Chunk]]
    ) -> tuple[list[tuple[_Episode, Chunk]], dict[str, list[_Episode]]]:
        """One prompt per group is encoded; the other members follow it."""
        leaders: list[tuple[_Episode, Chunk]] = []
        followers: dict[str, list[_Episode]] = {}
        first: dict[Hashable, str] = {}
        for episode, chunk in waiting:
            if episode.group is None or episode.ids:
                leaders.append((episode, chunk))
            elif episode.group in first:
                episode.extend(chunk.ids, chunk.images)
                followers[first[episode.group]].append(episode)
            else:
                first[episode.group] = episode.key
                followers[episode.key] = []
                leaders.append((episode, chunk))
        return leaders, followers

    def _encode(self, batch: list[tuple[_Episode, Chunk]], followers: dict[str, list[_Episode]]) -> list[Turn]:
        policy = self.policy
        pieces = [self._piece(episode, chunk) for episode, chunk in batch]
        longest = max(len(ids) for ids, _ in pieces)
        ids = np.zeros((len(batch), longest), np.int64)
        positions = np.zeros((3, len(batch), longest), np.int64)
        places = np.zeros((len(batch), longest), np.int64)
        for row, ((episode, _), (piece, where)) in enumerate(zip(batch, pieces, strict=True)):
            ids[row, : len(piece)] = piece
            positions[:, row, : len(piece)] = where
            # Padding is written past the row's end, where later tokens will overwrite it.
            places[row] = np.minimum(episode.cached + np.arange(longest), self.config.max_tokens - 1)
        images = [image for _, chunk in batch for image in chunk.images]
        embeddings = policy.embed(torch.from_numpy(ids).to(policy.device), images)
        hidden = self._forward([episode for episode, _ in batch], embeddings, positions, places)
        last = torch.tensor([len(piece) - 1 for piece, _ in pieces], device=policy.device)
        scores = policy.logits(hidden[torch.arange(len(batch), device=policy.device), last])
        episodes, rows = [], []
        for row, ((episode, _), (piece, _)) in enumerate(zip(batch, pieces, strict=True)):
            episode.cached += len(piece)
            members = [episode, *followers.get(episode.key, [])]
            self._follow(episode, members[1:])
            episodes += members
            rows += [row] * len(members)
        self._decoding += episodes
        return self._sample(episodes, scores[rows])

    def _piece(self, episode: _Episode, chunk: Chunk) -> tuple[list[int], NDArray[np.int64]]:
        """Tokens not yet cached (the last sampled one and the chunk) and their rotary positions."""
        pending = episode.ids[episode.cached :]
        piece = [*pending, *chunk.ids.tolist()]
        where, episode.position = self.policy.positions(np.array(piece, dtype=np.int64), chunk.images, episode.position)
        episode.extend(chunk.ids, chunk.images)
        return piece, where

    def _follow(self, leader: _Episode, members: list[_Episode]) -> None:
        if members:
            self._cache.copy(leader.slot, [member.slot for member in members], leader.cached)
        for member in members:
            member.cached, member.position = leader.cached, leader.position

    def _step(self) -> list[Turn]:
        """Sample one more token in every decoding slot."""
        policy = self.policy
        episodes = sorted(self._decoding, key=lambda episode: episode.slot)
        ids = torch.tensor([[episode.ids[-1]] for episode in episodes], device=policy.device)
        positions = np.array([[episode.position] for episode in episodes], dtype=np.int64)
        places = np.array([[episode.cached] for episode in episodes], dtype=np.int64)
        hidden = self._forward(episodes, policy.embed(ids, ()), np.stack([positions] * 3), places)
        for episode in episodes:
            episode.cached += 1
            episode.position += 1
        return self._sample(episodes, policy.logits(hidden[:, -1]))

    def _forward(
        self,
        episodes: list[_Episode],
        embeddings: torch.Tensor,
        positions: NDArray[np.int64],
        places: NDArray[np.int64],
    ) -> torch.Tensor:
        device = self.policy.device
        where = torch.from_numpy(places).to(device)
        span = int(places.max()) + 1
        # (B, 1, L, S): a token looks at its own place and everything before it.
        mask = (torch.arange(span, device=device) <= where.unsqueeze(-1)).unsqueeze(1)
        rows = torch.tensor([episode.slot for episode in episodes], device=device)
        self._cache.aim(rows, where, span)
        return self.policy.decode(embeddings, torch.from_numpy(positions).to(device), mask, self._cache)

    def _sample(self, episodes: list[_Episode], scores: torch.Tensor) -> list[Turn]:
        """Draw a token per episode; return the turns that it ends."""
        temperature = self.config.temperature
        logprobs = (scores / (temperature or 1.0)).log_softmax(-1)
        if temperature == 0:
            picked = scores.argmax(-1)
        else:
            uniform = [[episode.rng.random()] for episode in episodes]
            draws = torch.tensor(uniform, dtype=torch.float64, device=scores.device)
            steps = logprobs.exp().cumsum(-1, dtype=torch.float64)
            picked = torch.searchsorted(steps, draws * steps[:, -1:]).squeeze(-1).clamp_max(scores.shape[-1] - 1)
        chosen = logprobs.gather(-1, picked.unsqueeze(-1)).squeeze(-1)
        done: list[Turn] = []
        for episode, token, logprob in zip(episodes, picked.tolist(), chosen.tolist(), strict=True):
            episode.append([token], [logprob])
            episode.turn.append(token)
            if self._ends(episode, token):
                done.append(Turn(episode.key, self.policy.encoder.decode(episode.turn)))
                episode.turn = []
        ended = {turn.key for turn in done}
        self._decoding = [episode for episode in self._decoding if episode.key not in ended]
        return done

    def _ends(self, episode: _Episode, token: int) -> bool:
        if token in self._stop_ids or len(episode.turn) >= self.config.max_new_tokens:
            return True
        if len(episode.ids) >= self.config.max_tokens:
            return True
        if not self._stop_texts:
            return False
        tail = self.policy.encoder.decode(episode.turn[-16:])
        return any(text in tail for text in self._stop_texts)


def split_stops(encoder: Encoder, stop: Sequence[str]) -> tuple[frozenset[int], tuple[str, ...]]:
    """Strings that end a turn: the ids of those that are single tokens, and the others."""
    tokens = {text: encoder.tokenizer.encode(text, add_special_tokens=False) for text in stop}
    ids = frozenset(int(found[0]) for found in tokens.values() if len(found) == 1)
    return ids, tuple(text for text, found in tokens.items() if len(found) > 1)
