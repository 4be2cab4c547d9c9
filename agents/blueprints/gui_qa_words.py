"""How the blueprints for screens word their thoughts."""

from __future__ import annotations

from adagym.agents.blueprints.words import COMMON

WORDINGS: dict[str, tuple[str, ...]] = {
    **COMMON,
    "look": (
        "The screen is large. I look closely at the part where {name} should be.",
        "I begin with the part of the screen around {name}.",
        "To be sure, I take a closer look at the place of {name}.",
        "What matters here is {name}; I cut that part out.",
    ),
    "look_again": (
        "{verdict} I look at another part.",
        "{verdict} That was the wrong place, so I try a different one.",
        "{verdict} I go back to the whole screen and pick another part.",
        "{verdict} {name} must be elsewhere; let me look there.",
    ),
    "read": (
        "Now I have the words in this part read.",
        "Let me see exactly what is written there.",
        "I want every word of this part.",
        "The letters are small, so I have them read.",
    ),
    "missing": (
        "It says {words}; {name} is not among it.",
        "There is no {name} here, only {words}.",
        "I find {words}, but not {name}.",
        "Here stands {words}. {name} is missing.",
    ),
    "nothing": (
        "There is no text in this part at all.",
        "Nothing is written here.",
        "This part holds no words.",
        "I see no letters there.",
    ),
    "found": (
        "This is the right part, and it gives the answer: {answer}.",
        "{name} is here. So the answer is {answer}.",
        "Now I see it: {answer}.",
        "That shows what was asked for, {answer}.",
    ),
    "give_up": (
        "The tools do not help here, so I look myself. {seen}",
        "It failed again. I rely on my own eyes. {seen}",
        "I cannot get this from the tools; I do it by sight. {seen}",
        "Two failures are enough. I read the screen myself. {seen}",
    ),
    "by_sight": (
        "I can read this screen without tools. {seen}",
        "No tool is needed here. {seen}",
        "The screen is clear enough to read. {seen}",
        "This can be answered by looking. {seen}",
    ),
    "seen": (
        "Looking for {name}, I find {answer}.",
        "By what stands there, it is {answer}.",
        "For {name} I read {answer}.",
        "I see {answer}.",
    ),
}
"""Purpose to templates."""
