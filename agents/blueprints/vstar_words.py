"""How the blueprints of visual search word their thoughts."""

from __future__ import annotations

from adagym.agents.blueprints.words import COMMON

WORDINGS: dict[str, tuple[str, ...]] = {
    **COMMON,
    "wander": (
        "The {name} may be in the {where} of the picture. I look closely there.",
        "I begin my search for the {name} in the {where}.",
        "Let me see the {where} in full detail; the {name} could be there.",
        "First the {where}: is the {name} among the things that stand there?",
    ),
    "wander_again": (
        "{verdict} I try the {where} instead.",
        "{verdict} Next I look at the {where}.",
        "{verdict} I go back to the whole picture and pick the {where}.",
        "{verdict} Perhaps it is in the {where}.",
    ),
    "absent": (
        "The {name} is not in this part.",
        "I see no {name} in the {where}.",
        "What I see here is not the {name}.",
        "This part does not show the {name}.",
    ),
    "find_after": (
        "{verdict} I stop guessing and have the {name} located.",
        "{verdict} Looking here and there is no use; I ask where the {name} is.",
        "{verdict} I go back to the whole picture and have the {name} found in it.",
        "{verdict} Better to know the place of the {name} first.",
    ),
    "find": (
        "The picture is large. First I need to know where the {name} is.",
        "Where is the {name}? I have it located.",
        "I begin by finding the {name}.",
        "Everything depends on the {name}, so I look for it first.",
    ),
    "find_other": (
        "That is at {point}. Now I need the place of the {name}.",
        "One is found, at {point}. The {name} is still missing.",
        "With the first at {point}, I have the {name} located too.",
        "It stands at {point}. Where is the {name}?",
    ),
    "cut": (
        "The {name} is at {point}, too small to be judged from here. I look closely.",
        "It stands at {point}. I cut out what is around it.",
        "At {point}, then. Let me see that place in full detail.",
        "I take the part around {point} and look at the {name} there.",
    ),
    "tag": (
        "The tag is right below the {name}. I cut out only that.",
        "I can see the tag under it; closer still.",
        "What matters is the tag below it, so I take that part.",
        "Just below the {name} is its tag. I look at it alone.",
    ),
    "read": (
        "Now I have the writing read.",
        "Let me see exactly which characters these are.",
        "The characters are small, so I have them read.",
        "I want to know every character on it.",
    ),
    "colour": (
        "Its colour is clearly {said}.",
        "The {name} is {said}.",
        "Now the colour can be seen: {said}.",
        "What I see of the {name} is {said}.",
    ),
    "text": (
        "The tag says {said}.",
        "Below the {name} it reads {said}.",
        "The code is {said}.",
        "It is the code {said}.",
    ),
    "kind": (
        "Right next to the {name} is the {said}.",
        "Its neighbour is the {said}.",
        "What stands beside it is the {said}.",
        "The {said} is next to the {name}.",
    ),
    "material": (
        "What is next to the {name} is mostly {said}.",
        "Its neighbour is made of {said}, for the most part.",
        "The thing beside it is mostly made of {said}.",
        "I recognise what is next to it; its material is {said}.",
    ),
    "relation": (
        "Seen from the {other}, the {name} is {said}.",
        "Compared with the {other}, the {name} stands {said}.",
        "The {name} is {said}, if I start from the {other}.",
        "With both places known: the {name} is {said}.",
    ),
    "give_up": (
        "The tools do not help here, so I look myself. {seen}",
        "It failed again. I rely on my own eyes. {seen}",
        "I cannot get this from the tools; I do it by sight. {seen}",
        "Two failures are enough. I search the picture myself. {seen}",
    ),
    "by_sight": (
        "I can find this without tools. {seen}",
        "No tool is needed here. {seen}",
        "I look for the {name} myself. {seen}",
        "This can be answered by looking. {seen}",
    ),
}
"""Purpose to templates; those called like a kind of question say the answer."""
