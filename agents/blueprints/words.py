"""Words that the blueprints of all families share."""

from __future__ import annotations

FAILURES = {
    0: "it gave no usable result",
    201: "one of the values was out of range",
    204: "it named a picture that does not exist",
    205: "a required value was left out",
}
"""Error code to what went wrong, in words that name no tool and no parameter."""

COMMON: dict[str, tuple[str, ...]] = {
    "mend": (
        "The call failed: {reason}. I write it again.",
        "That did not work, {reason}. Let me correct the call.",
        "An error: {reason}. I try again with that put right.",
        "No result, because {reason}. Once more.",
    ),
}
"""Purpose to templates."""
