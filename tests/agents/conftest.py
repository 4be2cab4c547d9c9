"""A stand-in for vLLM: the part of its interface that we use, over a plain transformers model."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from adagym.policies.hf import HFPolicy, PolicyConfig

Prompt = dict[str, Any]


@dataclass
class SamplingParams:
    """Its fields are all that may be asked for."""

    temperature: float
    seed: int | None
    max_tokens: int
    logprobs: int
    stop: list[str]
    include_stop_str_in_output: bool
    detokenize: bool
    stop_token_ids: list[int]
    ignore_eos: bool
    logit_bias: dict[int, float]

    def __post_init__(self) -> None:
        """Refuse what vLLM would ignore or refuse."""
        assert self.ignore_eos
        assert self.logprobs == 0
        assert self.include_stop_str_in_output
        assert self.detokenize or not self.stop
        assert all(-100 <= bias <= 100 for bias in self.logit_bias.values())


@dataclass
class Turn:
    """A request in flight."""

    name: str
    prompt: list[int]
    images: list[Any]
    params: SamplingParams
    rng: np.random.Generator
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class LLM:
    """``vllm.LLM`` and its ``llm_engine`` in one."""

    made: ClassVar[list[LLM]] = []
    extra_pads = 0
    """How many pads per picture this processor writes too many."""
    reason = ""
    """Why the next turn ends, if not by itself."""

    def __init__(self, model: str, **options: Any) -> None:
        assert options["logprobs_mode"] == "processed_logprobs"
        assert options["dtype"] == "float32"
        self.folder, self.options, self.llm_engine = model, options, self
        self.policy = HFPolicy.from_pretrained(model, PolicyConfig(freeze_vision=False))
        self.asked: list[tuple[Prompt, SamplingParams]] = []
        self.turns: dict[str, Turn] = {}
        self.events: list[str] = []
        self._numbers = itertools.count()
        LLM.made.append(self)

    def enqueue(self, prompts: list[Prompt], params: SamplingParams, use_tqdm: bool) -> list[str]:
        assert not use_tqdm
        assert self.events[-1:] != ["reload"], "old keys and values would be found"
        (prompt,) = prompts
        self.asked.append((prompt, params))
        pictures = prompt.get("multi_modal_data", {}).get("image", [])
        images = [np.array(picture) for picture in pictures]
        encoder = self.policy.encoder
        pads = iter([encoder.pads(image) + self.extra_pads for image in images])
        ids: list[int] = []
        for token in prompt["prompt_token_ids"]:
            ids += [token] * next(pads) if token == encoder.image_token_id else [token]
        assert next(pads, None) is None
        assert len(ids) < self.options["max_model_len"]
        assert len(images) <= self.options["limit_mm_per_prompt"]["image"]
        number = str(next(self._numbers))
        rng = np.random.default_rng(params.seed)
        self.turns[number] = Turn(f"{number}-0a1b2c3d", ids, images, params, rng)
        return [self.turns[number].name]

    def step(self) -> list[SimpleNamespace]:
        outputs = []
        for number, turn in list(self.turns.items()):
            reason = self.reason or self._sample(turn)
            found = [
                {token: SimpleNamespace(logprob=value)} for token, value in zip(turn.ids, turn.logprobs, strict=True)
            ]
            output = SimpleNamespace(token_ids=turn.ids, logprobs=found, finish_reason=reason or None)
            if reason:
                del self.turns[number]
            outputs.append(
                SimpleNamespace(
                    request_id=number, prompt_token_ids=turn.prompt, outputs=[output], finished=bool(reason)
                )
            )
        return outputs

    def _sample(self, turn: Turn) -> str:
        policy, params = self.policy, turn.params
        ids = np.array([*turn.prompt, *turn.ids])
        where, _ = policy.positions(ids, turn.images)
        with torch.no_grad():
            hidden = policy.decode(
                policy.embed(torch.from_numpy(ids)[None], turn.images), torch.from_numpy(where)[:, None]
            )
            scores = policy.model.get_output_embeddings()(hidden[0, -1])
        for token, bias in params.logit_bias.items():
            scores[token] += bias
        logprobs = (scores / (params.temperature or 1)).log_softmax(-1).double()
        chances = logprobs.exp().numpy()
        greedy = params.temperature == 0
        token = int(chances.argmax()) if greedy else int(turn.rng.choice(len(chances), p=chances / chances.sum()))
        turn.ids.append(token)
        turn.logprobs.append(float(logprobs[token]))
        text = policy.encoder.decode(turn.ids)
        if token in params.stop_token_ids or any(stop in text for stop in params.stop):
            return "stop"
        return "length" if len(turn.ids) == params.max_tokens else ""

    def abort_request(self, names: list[str], internal: bool) -> None:
        assert internal
        self.turns = {number: turn for number, turn in self.turns.items() if turn.name not in names}

    def has_unfinished_requests(self) -> bool:
        return bool(self.turns)

    def collective_rpc(self, method: str, kwargs: dict[str, Any]) -> None:
        assert method == "reload_weights"
        self.policy.model.load_state_dict(dict(kwargs["weights_iterator"]))
        self.events.append("reload")

    def reset_encoder_cache(self) -> None:
        self.events.append("encoder")

    def reset_prefix_cache(self) -> bool:
        self.events.append("prefix")
        return not self.turns

    def sleep(self, level: int) -> None:
        self.events.append(f"sleep {level}")

    def wake_up(self) -> None:
        self.events.append("wake")


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[LLM]]:
    """Stands in for vLLM until the end of the test; gives its ``LLM``, which lists the engines made."""
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, SamplingParams
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "ERROR")
    yield LLM
    LLM.made.clear()
