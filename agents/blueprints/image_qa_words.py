"""How the blueprints for several pictures word their thoughts."""

from __future__ import annotations

from adagym.agents.blueprints.words import COMMON

WORDINGS: dict[str, tuple[str, ...]] = {
    **COMMON,
    "wander": (
        "The {name} may be in this part of picture {number}. I look closely there.",
        "I begin with a part of picture {number}; perhaps the {name} is in it.",
        "Let me see a part of picture {number} in full detail.",
        "First a part of picture {number}: is the {name} there?",
    ),
    "wander_again": (
        "{verdict} I try a part of picture {number} instead.",
        "{verdict} Next I look at a part of picture {number}.",
        "{verdict} I go back to the whole pictures and pick a part of number {number}.",
        "{verdict} Perhaps in this part of picture {number}.",
    ),
    "absent": (
        "The {name} is not in this part of picture {number}.",
        "I see no {name} in this part of picture {number}.",
        "What I see here is not the {name}.",
        "This part of picture {number} does not show the {name}.",
    ),
    "find": (
        "Is the {name} in picture {number}? I have it located.",
        "I look for the {name} in picture {number}.",
        "Picture {number}: does it show the {name}, and where?",
        "I have picture {number} searched for the {name}.",
    ),
    "find_next": (
        "{verdict} Now the {name} in picture {number}.",
        "{verdict} I have picture {number} searched for the {name}.",
        "{verdict} Next: is the {name} in picture {number}?",
        "{verdict} I look for the {name} in picture {number}.",
    ),
    "nowhere": (
        "Picture {number} does not show it.",
        "There is none in picture {number}.",
        "It is not in picture {number}.",
        "Nothing of that kind in picture {number}.",
    ),
    "there": (
        "Picture {number} shows it, {times}.",
        "It is in picture {number}, {times}.",
        "Found in picture {number}, {times}.",
        "In picture {number} it can be seen {times}.",
    ),
    "cut": (
        "{verdict} I cut out what is around it.",
        "{verdict} It is small, so I look closely at that place.",
        "{verdict} Let me see it in full detail.",
        "{verdict} I take the part around it.",
    ),
    "tag": (
        "The tag is right below it. I cut out only that.",
        "I can see the tag under it; closer still.",
        "What matters is the tag below it, so I take that part.",
        "Just below it is its tag. I look at it alone.",
    ),
    "read": (
        "Now I have the writing read.",
        "Let me see exactly which characters these are.",
        "The characters are small, so I have them read.",
        "I want to know every character on it.",
    ),
    "answer": (
        "{verdict} So the answer is {said}.",
        "{verdict} That makes it {said}.",
        "{verdict} The answer is {said}, then.",
        "{verdict} With that I know it: {said}.",
    ),
    "text": (
        "The tag says {said}.",
        "It reads {said}.",
        "The code is {said}.",
        "It is the code {said}.",
    ),
    "give_up": (
        "The tools do not help here, so I look at the pictures myself: {said}.",
        "It failed again. I rely on my own eyes, and see that it is {said}.",
        "I cannot get this from the tools; by sight it is {said}.",
        "Two failures are enough. I compare the pictures myself: {said}.",
    ),
    "by_sight": (
        "I can compare the pictures without tools: {said}.",
        "No tool is needed here. It is {said}.",
        "I look at the pictures one by one myself; it is {said}.",
        "This can be answered by looking: {said}.",
    ),
}
"""Purpose to templates."""
