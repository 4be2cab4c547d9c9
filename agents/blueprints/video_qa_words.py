"""How the blueprints for videos word their thoughts."""

from __future__ import annotations

from adagym.agents.blueprints.words import COMMON

WORDINGS: dict[str, tuple[str, ...]] = {
    **COMMON,
    "wander": (
        "I begin with the part from {start} s to {end} s.",
        "Let me watch what happens between {start} s and {end} s first.",
        "Perhaps it is between {start} s and {end} s. I watch that part.",
        "My first guess is the stretch from {start} s to {end} s.",
    ),
    "wander_again": (
        "{verdict} I try the part from {start} s to {end} s.",
        "{verdict} Next I watch from {start} s to {end} s.",
        "{verdict} I go back to the whole video and pick {start} s to {end} s.",
        "{verdict} Perhaps between {start} s and {end} s, then.",
    ),
    "elsewhere": (
        "Between {start} s and {end} s I see {things}, which does not answer it.",
        "That part shows {things}; it is the wrong one.",
        "From {start} s to {end} s there is {things}. This was not the place to look.",
        "All I see there is {things}. That does not help.",
    ),
    "watch": (
        "The frames are too far apart to be sure. I watch from {start} s to {end} s.",
        "What matters lies between {start} s and {end} s; I look there more closely.",
        "I want to see everything between {start} s and {end} s.",
        "From {start} s to {end} s I need more frames than these.",
    ),
    "watch_after": (
        "{verdict} The frames shown first point to {start} s to {end} s, so I watch that.",
        "{verdict} I return to the frames of the beginning: it must be {start} s to {end} s.",
        "{verdict} What I need lies between {start} s and {end} s.",
        "{verdict} Now the part from {start} s to {end} s.",
    ),
    "frame": (
        "The tag is there at {moment} s. I want that frame with all its detail.",
        "At {moment} s the tag can be seen, but it is too small to read. I open that frame.",
        "The writing is too small here; the frame at {moment} s may show it in full.",
        "I look at the moment {moment} s at full resolution.",
    ),
    "crop": (
        "Now I cut out the tag.",
        "The tag fills little of the frame, so I take only that part.",
        "Closer still: only the tag.",
        "I zoom in on the tag.",
    ),
    "draw": (
        "I draw a line from where the {name} came to where it went.",
        "To see the direction, I join the first and the last place of the {name}.",
        "A line from its first to its last place makes the way of the {name} clear.",
        "Let me mark where the {name} begins and where it ends.",
    ),
    "during": (
        "Between {words[0]} s and {words[1]} s it is the {said}.",
        "In that time the {said} is seen.",
        "What appears then is the {said}.",
        "Of the objects offered, only the {said} is there between {words[0]} s and {words[1]} s.",
    ),
    "time": (
        "The {name} comes at {said}.",
        "I see the {name} begin at {said}.",
        "It appears at {said}.",
        "So the {name} is there from {said} on.",
    ),
    "end": (
        "Of these, the {said} is the {name}.",
        "The {said} appears {name}.",
        "The {name} of them is the {said}.",
        "By the times at which they are seen, the {said} is {name}.",
    ),
    "after": (
        "After the {name} comes the {said}.",
        "The next one is the {said}.",
        "When the {name} is gone, the {said} appears.",
        "What follows the {name} is the {said}.",
    ),
    "often": (
        "I count {said} for the {name}.",
        "The number of times the {name} appears is {said}.",
        "With its comings and goings counted, the {name} has {said}.",
        "Counting every appearance of the {name} gives {said}.",
    ),
    "different": (
        "I count {said} different ones.",
        "Counting each object once gives {said}.",
        "The number of different objects is {said}.",
        "Those that come again left out, there are {said}.",
    ),
    "path": (
        "The way of the {name} is {said}.",
        "I followed the {name}: {said}.",
        "It moves like this: {said}.",
        "Seen in order, the {name} is {said}.",
    ),
    "detail": (
        "The tag says {said}.",
        "Beside the {name} it reads {said}.",
        "The code is {said}.",
        "I can read it now: {said}.",
    ),
    "give_up": (
        "The tools do not help here, so I go by the frames I have. {seen}",
        "It failed again. I rely on the frames that were shown. {seen}",
        "I cannot get more from the tools; I judge by what I see. {seen}",
        "Two failures are enough. I look through the frames myself. {seen}",
    ),
    "by_sight": (
        "The frames that were shown are enough. {seen}",
        "No tool is needed here. {seen}",
        "I go through the frames one by one. {seen}",
        "This can be answered from these frames. {seen}",
    ),
}
"""Purpose to templates; those called like a form of question say the answer."""
