"""Gymnasium spaces for text in full Unicode, pictures of any size, and action texts.

``gymnasium.spaces.Text`` knows a fixed character set and Gymnasium's shared-memory vector environment
returns stale strings for it; ``gymnasium.spaces.Box`` has one fixed size. These spaces have neither limit.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from adagym.pictures import read_picture, to_png
from adagym.protocol import DIALECTS, MAX_ACTION_CHARS, Dialect
from adagym.sampling import SchemaSampler, draw_answer
from adagym.types import Array, Task, ToolCall, ToolSpec

MAX_TEXT_CHARS = 1_000_000
"""Longest observation text."""

MAX_IMAGE_SIDE = 16_384
"""Longest side of a picture in an observation, in pixels."""

MAX_IMAGES = 256
"""Most pictures in one observation (a video clip is a sequence of pictures)."""

_SAMPLE_CHARS = 'abc XYZ 019 .,\n<>{}[]"\\éßñЖ中文字あ한国🙂🧊🎁\u0301\u200d'
_SAMPLE_LENGTH = 64
_SAMPLE_SIDE = 48
_CALL_SHARE = 0.5
_ATTEMPTS = 50
_THINK = "I choose at random."


class UnicodeText(gym.Space[str]):
    """Strings of any valid Unicode.

    Args:
        max_length: Most characters (code points).
        min_length: Fewest characters.
        seed: Seeds sampling.
    """

    def __init__(
        self, max_length: int = MAX_TEXT_CHARS, *, min_length: int = 0, seed: int | np.random.Generator | None = None
    ) -> None:
        if not 0 <= min_length <= max_length:
            raise ValueError(f"Expected 0 <= min_length <= max_length, got {min_length} and {max_length}.")
        self.min_length = min_length
        self.max_length = max_length
        super().__init__(None, None, seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Text of variable length cannot become a Box."""
        return False

    def sample(self, mask: None = None, probability: None = None) -> str:
        """Draw a short string of letters, marks and symbols from several scripts."""
        _refuse_masks(mask, probability)
        longest = min(self.max_length, max(self.min_length, _SAMPLE_LENGTH))
        length = int(self.np_random.integers(self.min_length, longest + 1))
        return "".join(_SAMPLE_CHARS[index] for index in self.np_random.integers(len(_SAMPLE_CHARS), size=length))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a string of allowed length without lone surrogates."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length and is_unicode(x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.max_length}, min_length={self.min_length})"

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and isinstance(other, UnicodeText)
            and (self.min_length, self.max_length) == (other.min_length, other.max_length)
        )


class ImageSpace(gym.Space[Array]):
    """Pictures ``(height, width, 3)`` ``uint8`` RGB of any size up to a bound.

    Args:
        max_side: Longest side in pixels.
        min_side: Shortest side in pixels.
        seed: Seeds sampling.
    """

    def __init__(
        self, max_side: int = MAX_IMAGE_SIDE, *, min_side: int = 1, seed: int | np.random.Generator | None = None
    ) -> None:
        if not 1 <= min_side <= max_side:
            raise ValueError(f"Expected 1 <= min_side <= max_side, got {min_side} and {max_side}.")
        self.min_side = min_side
        self.max_side = max_side
        super().__init__(None, np.uint8, seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Pictures of variable size cannot become a Box."""
        return False

    def sample(self, mask: None = None, probability: None = None) -> Array:
        """Draw a small picture of noise."""
        _refuse_masks(mask, probability)
        longest = min(self.max_side, max(self.min_side, _SAMPLE_SIDE))
        height, width = self.np_random.integers(self.min_side, longest + 1, size=2)
        return self.np_random.integers(0, 256, size=(int(height), int(width), 3), dtype=np.uint8)

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is such a picture."""
        return (
            isinstance(x, np.ndarray)
            and x.dtype == np.uint8
            and x.ndim == 3
            and x.shape[2] == 3
            and self.min_side <= min(x.shape[:2])
            and max(x.shape[:2]) <= self.max_side
        )

    def to_jsonable(self, sample_n: Iterable[Array]) -> list[str]:
        """Each picture as a base64 PNG."""
        return [_to_png(image) for image in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[Array]:
        """Undo :meth:`to_jsonable`."""
        return [_from_png(text) for text in sample_n]

    def __repr__(self) -> str:
        return f"ImageSpace({self.max_side}, min_side={self.min_side})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImageSpace) and (self.min_side, self.max_side) == (other.min_side, other.max_side)


class ImageTuple(gym.Space[tuple[Array, ...]]):
    """Tuples of zero or more pictures, each of its own size.

    Args:
        image: The space of one picture.
        max_images: Most pictures.
        seed: Seeds sampling.
    """

    def __init__(
        self,
        image: ImageSpace | None = None,
        *,
        max_images: int = MAX_IMAGES,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if max_images < 0:
            raise ValueError(f"Expected max_images >= 0, got {max_images}.")
        self.image = ImageSpace() if image is None else image
        self.max_images = max_images
        super().__init__(None, None, seed)

    @property
    def is_np_flattenable(self) -> bool:
        """A variable number of pictures cannot become a Box."""
        return False

    def seed(self, seed: int | None = None) -> tuple[int, int]:
        """Seed the number of pictures and their content; returns both seeds."""
        own = int(super().seed(seed))
        inner = int(np.random.default_rng(own).integers(np.iinfo(np.int32).max))
        return own, int(self.image.seed(inner))

    def sample(self, mask: None = None, probability: None = None) -> tuple[Array, ...]:
        """Draw up to two pictures of noise."""
        _refuse_masks(mask, probability)
        count = int(self.np_random.integers(0, min(self.max_images, 2) + 1))
        return tuple(self.image.sample() for _ in range(count))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a tuple of pictures."""
        return isinstance(x, tuple) and len(x) <= self.max_images and all(self.image.contains(item) for item in x)

    def to_jsonable(self, sample_n: Iterable[tuple[Array, ...]]) -> list[list[str]]:
        """Each tuple as a list of base64 PNGs."""
        return [self.image.to_jsonable(images) for images in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[tuple[Array, ...]]:
        """Undo :meth:`to_jsonable`."""
        return [tuple(self.image.from_jsonable(images)) for images in sample_n]

    def __repr__(self) -> str:
        return f"ImageTuple({self.image!r}, max_images={self.max_images})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImageTuple) and (self.image, self.max_images) == (other.image, other.max_images)


@dataclass(frozen=True)
class Situation:
    """What sampled actions may refer to: the task and the pictures an episode holds right now."""

    images: Mapping[str, Array] = field(default_factory=dict)
    """Addressable pictures by name. May be a live view of the episode's pictures."""
    task: Task | None = None
    accepts: Callable[[ToolCall], bool] | None = None
    """Whether a call's arguments are all valid; None leaves it at the schema."""


class ActionText(UnicodeText):
    """What an agent may write: any readable text. Samples are valid calls and answers.

    Membership is wide on purpose: a malformed call is a legitimate (if costly) action. Samples are narrow:
    strict in the dialect, for a tool of the current set, with arguments that satisfy its schema and refer to
    pictures of the running episode, or an answer of the kind the task asks for.

    Args:
        dialect: Name of a registered dialect.
        tools: The current tool set.
        seed: Seeds sampling.
    """

    def __init__(
        self,
        dialect: str = "adareasoner",
        tools: Sequence[ToolSpec] = (),
        *,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.dialect = dialect
        self.tools = tuple(tools)
        self.situation = Situation()
        self._writer: Dialect = DIALECTS.load(dialect)
        super().__init__(MAX_ACTION_CHARS, min_length=1, seed=seed)

    def sample(self, mask: None = None, probability: None = None) -> str:
        """Draw a call of one of the tools, or an answer, with equal chance."""
        _refuse_masks(mask, probability)
        if self.tools and self.np_random.random() < _CALL_SHARE:
            return self.sample_call()
        return self.sample_answer()

    def sample_call(self) -> str:
        """Draw a valid call.

        Raises:
            ValueError: The tool set is empty.
        """
        if not self.tools:
            raise ValueError("There are no tools to call; sample_answer() draws an answer.")
        spec = self.tools[int(self.np_random.integers(len(self.tools)))]
        accepts = self.situation.accepts
        for _ in range(_ATTEMPTS):
            call = ToolCall(spec.name, self.sample_arguments(spec))
            if accepts is None or accepts(call):
                break
        return self._writer.write_call(call, _THINK)

    def sample_answer(self) -> str:
        """Draw an answer of the kind the current task asks for."""
        task = self.situation.task
        return self._writer.write_answer(draw_answer(self.np_random, task), _THINK)

    def __repr__(self) -> str:
        return f"ActionText({self.dialect!r}, tools=[{', '.join(tool.name for tool in self.tools)}])"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActionText) and (self.dialect, self.tools) == (other.dialect, other.tools)

    def __getstate__(self) -> dict[str, Any]:
        # The situation belongs to an episode, which restores it; sending a space must not send an episode along.
        return {**self.__dict__, "situation": Situation()}

    def __deepcopy__(self, memo: dict[int, Any]) -> ActionText:
        # The pictures of the situation are shared: a copy is for sampling, and copying them costs milliseconds.
        twin = ActionText(self.dialect, self.tools, seed=deepcopy(self._np_random, memo))
        twin.situation = self.situation
        return twin

    def sample_arguments(self, spec: ToolSpec) -> dict[str, Any]:
        """Draw the required arguments of a tool, or its first one if none is required.

        Texts are drawn from the examples that a description gives, as in ``for example Elf, Gift or Ice Holes``;
        where the example is ``img_1``, the parameter is a picture.
        """
        sampler = SchemaSampler(self.np_random, self.situation.images)
        wanted = spec.required or spec.properties[:1]
        schemas = spec.parameters.get("properties", {})
        return {name: sampler.draw(schema) for name, schema in schemas.items() if name in wanted}


def is_unicode(text: str) -> bool:
    """Whether a string can be encoded, that is, holds no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_masks(mask: object, probability: object) -> None:
    if mask is not None or probability is not None:
        raise ValueError("This space takes neither `mask` nor `probability`; call sample() without arguments.")


def _to_png(image: Array) -> str:
    return base64.b64encode(to_png(image)).decode()


def _from_png(text: str) -> Array:
    return read_picture(base64.b64decode(text))
