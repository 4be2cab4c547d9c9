"""Sampling with vLLM in the trainer's process: tokens in, tokens out, weights pushed in place.

Nothing that was sampled is tokenised again: a request is the tokens so far, and what vLLM answers is appended to them.
vLLM puts each picture's pad tokens in itself, so requests carry one pad per picture, and what vLLM made of it is
compared with the tokens that the trainer will see.

Importing this loads torch but not vLLM.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from adagym.errors import InfraError, UsageError, require
from adagym.policies.encoding import Encoder
from adagym.policies.hf import HFPolicy, control_tokens, end_tokens
from adagym.policies.sampler import SamplerConfig
from adagym.types import Array

_BAN = -100.0
"""Added to a banned token's score: the most that vLLM accepts, and 0 as a float32 probability."""


@dataclass(frozen=True)
class VLLMConfig:
    """How the engine runs; what is sampled is the sampler's business."""

    enforce_eager: bool | None = None
    """Run without compiled graphs; None does so on a CPU only."""
    prefix_caching: bool = True
    """Keep keys and values between turns and between members of a group."""
    images: int = 16
    """Pictures of one conversation; an episode that needs more is cut off."""
    memory: float = 0.4
    """Share of a GPU's memory (of the machine's, on a CPU) for the engine; the trainer needs the rest."""
    cache_gib: float | None = None
    """Size of the store of keys and values; None fills what ``memory`` allows."""
    sleep: bool = False
    """Give the memory back while the trainer works (GPU only; a CPU ignores it)."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.images < 1 or not 0 < self.memory < 1 or (self.cache_gib is not None and self.cache_gib <= 0):
            raise UsageError(f"images and cache_gib must be positive and memory between 0 and 1: {self}.")


@dataclass(frozen=True)
class Coder:
    """What can be written and read without a model's weights."""

    encoder: Encoder
    banned: tuple[int, ...]
    """Ids that are never sampled."""
    end_ids: frozenset[int]
    """Ids that end a turn."""
    longest: int
    """Tokens of the longest conversation that the model was made for."""

    @classmethod
    def of(cls, policy: HFPolicy) -> Coder:
        """A policy's own."""
        longest = int(policy.model.config.get_text_config().max_position_embeddings)
        return cls(policy.encoder, tuple(policy.banned.tolist()), policy.end_ids, longest)

    @classmethod
    def from_folder(cls, path: str | Path, template: str | None = None) -> Coder:
        """Read a model folder's configuration and processor, not its weights.

        Args:
            path: A model folder.
            template: Replaces the processor's chat template.

        Raises:
            UsageError: transformers cannot read the folder, or the model is of another kind.
        """
        from transformers import AutoConfig, AutoProcessor, GenerationConfig

        try:
            processor = AutoProcessor.from_pretrained(str(path), local_files_only=True)
            config = AutoConfig.from_pretrained(str(path), local_files_only=True)
            merge = int(config.vision_config.spatial_merge_size)
            encoder = Encoder(processor, processor.image_token, merge, template)
        except (OSError, ValueError, AttributeError) as error:
            raise UsageError(
                f"`{path}` is not the folder of an image-text model of the Qwen2-VL kind; it needs config.json, the "
                f"weights and the processor's files. Transformers says: {error}"
            ) from error
        try:
            generation = GenerationConfig.from_pretrained(str(path), local_files_only=True)
        except OSError:  # the file may be left out; then the configuration speaks for it
            generation = GenerationConfig.from_model_config(config)
        text = config.get_text_config()
        banned = tuple(control_tokens(encoder, int(text.vocab_size)))
        return cls(encoder, banned, end_tokens(encoder.tokenizer, generation), int(text.max_position_embeddings))


@dataclass(frozen=True)
class Request:
    """One turn to sample."""

    key: str
    ids: Sequence[int]
    """All tokens so far, every picture at its full number of pads."""
    images: Sequence[Array]
    """In order of their pads."""
    seed: int
    max_new_tokens: int
    temperature: float
    stop_ids: frozenset[int]
    stop_texts: tuple[str, ...]
    """Strings that end the turn and stay part of it."""


@dataclass(frozen=True)
class Sampled:
    """A sampled turn."""

    key: str
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Of each token, after temperature and bans."""
    error: str | None = None


class Engine(Protocol):
    """What :class:`~adagym.agents.vllm.VLLMAgent` needs of an engine."""

    coder: Coder
    config: VLLMConfig

    def submit(self, request: Request) -> None:
        """Queue a turn."""

    def step(self) -> list[Sampled]:
        """Sample one token of every running turn; return the turns that are complete."""

    def abort(self, key: str) -> None:
        """Forget a queued turn."""


class VLLMEngine:
    """``vllm.LLM`` in this process.

    Args:
        path: A model folder.
        coder: The same model's; its pads and bans hold.
        sampler: Its ``max_tokens`` is the longest conversation, its ``slots`` how many turns run at a time.
        config: See :class:`VLLMConfig`.
        dtype: Of weights and of keys and values, as PyTorch calls it; None takes the folder's.

    Raises:
        MissingExtra: vLLM is not installed.
        UsageError: The model was not made for so many tokens; and on :meth:`step`, if vLLM saw other tokens than the
            trainer will.
    """

    def __init__(
        self,
        path: str | Path,
        coder: Coder,
        sampler: SamplerConfig,
        config: VLLMConfig | None = None,
        dtype: str | None = None,
    ) -> None:
        if sampler.max_tokens > coder.longest:
            raise UsageError(f"max_tokens is {sampler.max_tokens}; this model was made for at most {coder.longest}.")
        # In another process the engine could not be handed tensors.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        # vLLM logs lines for every step and push, in the middle of our own display.
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        vllm = require("vllm", "vllm")
        self.config = config or VLLMConfig()
        self.coder = coder
        self._params = vllm.SamplingParams
        eager, cache = self.config.enforce_eager, self.config.cache_gib
        self._llm = vllm.LLM(
            model=str(path),
            dtype=dtype or _folder_dtype(path),
            max_model_len=sampler.max_tokens,
            max_num_seqs=sampler.slots,
            enforce_eager=not torch.cuda.is_available() if eager is None else eager,
            enable_prefix_caching=self.config.prefix_caching,
            gpu_memory_utilization=self.config.memory,
            kv_cache_memory_bytes=None if cache is None else int(cache * 2**30),
            enable_sleep_mode=self.config.sleep,
            limit_mm_per_prompt={"image": self.config.images, "video": 0},
            logprobs_mode="processed_logprobs",
            generation_config="vllm",
        )
        self._bias = dict.fromkeys(coder.banned, _BAN)
        self._running: dict[str, Request] = {}
        self._names: dict[str, str] = {}
        """vLLM's name of each running turn, by key."""

    @classmethod
    def for_policy(cls, policy: HFPolicy, sampler: SamplerConfig, config: VLLMConfig | None = None) -> VLLMEngine:
        """An engine for a policy in training; give it ``policy.weights()`` with :meth:`push` after every update.

        The policy is saved to a temporary folder, which lives as long as the engine.
        """
        require("vllm", "vllm")
        folder = tempfile.mkdtemp(prefix="adagym-vllm-")
        try:
            policy.save(folder, merged=True)
            dtype = "float32" if policy.config.dtype == "float32" else "bfloat16"
            engine = cls(folder, Coder.of(policy), sampler, config, dtype)
        except BaseException:  # Ctrl-C too must leave no copy of the weights behind
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(engine, shutil.rmtree, folder, ignore_errors=True)
        return engine

    def submit(self, request: Request) -> None:
        """Queue a turn; see :class:`Request`."""
        greedy = request.temperature == 0
        params = self._params(
            temperature=request.temperature,
            seed=None if greedy else request.seed,
            max_tokens=request.max_new_tokens,
            logprobs=0,
            stop=list(request.stop_texts),
            include_stop_str_in_output=True,
            detokenize=bool(request.stop_texts),
            stop_token_ids=sorted(request.stop_ids),
            ignore_eos=True,
            logit_bias=self._bias,
        )
        (name,) = self._llm.enqueue([self._prompt(request)], params, use_tqdm=False)
        self._names[request.key] = name
        # Outputs carry the number that vLLM's own name begins with.
        self._running[name.partition("-")[0]] = request

    def step(self) -> list[Sampled]:
        """Sample one token of every running turn; return the turns that are complete."""
        outputs = [output for output in self._llm.llm_engine.step() if output.finished]
        return [self._sampled(output) for output in outputs if output.request_id in self._running]

    def abort(self, key: str) -> None:
        """Forget a queued turn; one that is not queued is no error."""
        name = self._names.pop(key, None)
        if name is not None:
            del self._running[name.partition("-")[0]]
            self._llm.llm_engine.abort_request([name], internal=True)

    def push(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Replace the weights and drop everything that was computed with the old ones.

        Args:
            weights: Names as in transformers; vLLM maps, fuses and repacks them itself.

        Raises:
            UsageError: Turns are running.
            InfraError: Old keys and values could not be dropped.
        """
        if self._running:
            raise UsageError(
                f"{len(self._running)} turns are running with the old weights; finish their episodes first."
            )
        while self._llm.llm_engine.has_unfinished_requests():  # what was aborted is cleared up in the next step
            self._llm.llm_engine.step()
        if self.config.sleep:
            self._llm.wake_up()
        detached = ((name, tensor.detach()) for name, tensor in weights.items())
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": detached})
        # Vision features, then keys and values. The worker has dropped its features; the scheduler must know.
        self._llm.llm_engine.reset_encoder_cache()
        if not self._llm.reset_prefix_cache():
            raise InfraError("vLLM kept keys and values of the old weights; no turn may be running when weights come.")

    def rest(self) -> None:
        """Give the memory back until the next push, if so configured."""
        if self.config.sleep:
            self._llm.sleep(level=1)

    def _prompt(self, request: Request) -> dict[str, Any]:
        from PIL import Image

        encoder = self.coder.encoder
        pads = [encoder.pads(image) for image in request.images]
        prompt: dict[str, Any] = {"prompt_token_ids": collapse(request.ids, pads, encoder.image_token_id)}
        if request.images:
            prompt["multi_modal_data"] = {"image": [Image.fromarray(image) for image in request.images]}
            # The name under which vLLM keeps a picture's features.
            prompt["multi_modal_uuids"] = {"image": [encoder.digest(image) for image in request.images]}
        return prompt

    def _sampled(self, output: Any) -> Sampled:
        request = self._running.pop(output.request_id)
        del self._names[request.key]
        seen = list(output.prompt_token_ids)
        if seen != list(request.ids):
            pad = self.coder.encoder.image_token_id
            raise UsageError(
                f"vLLM read a conversation of {len(request.ids)} tokens, {list(request.ids).count(pad)} of them image "
                f"pads, as {len(seen)} tokens with {seen.count(pad)} pads. Its picture processor differs from the "
                "trainer's: use one transformers version, and the processor's files of the model being trained."
            )
        turn = output.outputs[0]
        if turn.finish_reason not in ("stop", "length"):
            return Sampled(request.key, (), (), f"vLLM ended the turn with `{turn.finish_reason}`.")
        ids = tuple(turn.token_ids)
        logprobs = tuple(float(found[token].logprob) for token, found in zip(ids, turn.logprobs, strict=True))
        return Sampled(request.key, ids, logprobs)


def _folder_dtype(path: str | Path) -> str:
    """The type of a folder's weights; left to itself, vLLM would halve float32."""
    from transformers import AutoConfig

    dtype = AutoConfig.from_pretrained(str(path), local_files_only=True).dtype
    return "auto" if dtype is None else str(dtype).removeprefix("torch.")


def collapse(ids: Sequence[int], pads: Sequence[int], pad: int) -> list[int]:
    """Tokens with one pad per picture instead of ``pads``.

    Args:
        ids: Tokens with every picture at its full number of pads.
        pads: That number for each picture, in order.
        pad: The pad's id.

    Raises:
        UsageError: There are other runs of pads than the pictures explain.
    """
    short: list[int] = []
    place = 0
    for count in pads:
        start = next((at for at in range(place, len(ids)) if ids[at] == pad), len(ids))
        short += [*ids[place:start], pad]
        place = start + count
        if list(ids[start:place]) != [pad] * count:
            raise UsageError(f"A picture of {count} features has fewer pads in the tokens given.")
    rest = list(ids[place:])
    if pad in rest:
        raise UsageError(f"The tokens given hold {rest.count(pad)} more image pads than their {len(pads)} pictures.")
    return short + rest
