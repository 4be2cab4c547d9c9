"""What an adaptive environment disguises, and how it is written in one string."""

from __future__ import annotations

import string
from dataclasses import dataclass, fields

from adagym.envs.wrappers.wording import load_library
from adagym.errors import UsageError

_FLAGS = ("names", "fields", "errors")


@dataclass(frozen=True)
class AdaptiveConfig:
    """What is disguised, and how names are made. Names and descriptions always are."""

    fields: bool = False
    """Also the keys of results."""
    errors: bool = False
    """Also the wording of error texts and other messages in results."""
    prefix: str = ""
    """Put before every name, for example ``Func_``."""
    length: int = 6
    """Random characters of a name."""
    alphabet: str = string.ascii_lowercase + string.digits
    paraphrases: str | None = None
    """A JSON file of wordings (:mod:`adagym.envs.wrappers.wording`); None: those that come with the package."""

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            UsageError: Names could not be made of them.
            DataError: The file of paraphrases cannot be used.
        """
        if not 1 <= self.length <= 32:
            raise UsageError(f"Adaptive names have a length of 1 to 32, not {self.length}.")
        if len(set(self.alphabet)) < 2:
            raise UsageError(
                f"Adaptive names need an alphabet of 2 different characters or more, not {self.alphabet!r}."
            )
        plain = set(string.ascii_letters + string.digits + "_")
        if not plain >= set(self.prefix + self.alphabet) or len(set(self.alphabet)) != len(self.alphabet):
            raise UsageError(
                "Adaptive names consist of letters, digits and underscores, and an alphabet holds each once; given are "
                f"prefix={self.prefix!r} and alphabet={self.alphabet!r}."
            )
        load_library(self.paraphrases)

    @classmethod
    def parse(cls, spec: str) -> AdaptiveConfig:
        """Read ``names``, ``names,fields,errors``, ``names,prefix=Func_,length=4``, ...

        Raises:
            UsageError: An option is unknown or unusable, or ``names`` is missing.
            DataError: The file of paraphrases cannot be used.
        """
        items = [item.strip() for item in spec.split(",")] if isinstance(spec, str) else []
        options = dict(item.split("=", 1) for item in items if "=" in item)
        flags = {item for item in items if "=" not in item}
        known = {entry.name for entry in fields(cls)} - set(_FLAGS)
        wrong = sorted((flags - set(_FLAGS)) | (options.keys() - known))
        if wrong or "names" not in flags:
            raise UsageError(
                f"adaptive={spec!r:.200} cannot be used: write `names`, then where wanted `fields`, `errors` and "
                f"values of {', '.join(sorted(known))}; for example `names,fields,errors` or `names,prefix=Func_`."
            )
        length = options.pop("length", str(cls.length))
        if not (length.isascii() and length.isdigit()):
            raise UsageError(f"The length in adaptive={spec!r} must be a whole number.")
        return cls("fields" in flags, "errors" in flags, length=int(length[:4]), **options)
