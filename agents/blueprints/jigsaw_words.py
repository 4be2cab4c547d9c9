"""How the jigsaw blueprints word their thoughts."""

from __future__ import annotations

from adagym.agents.blueprints.words import COMMON

WORDINGS: dict[str, tuple[str, ...]] = {
    **COMMON,
    "find_hole": (
        "First I need to know exactly where the missing part is.",
        "Let me measure the black area before I try anything.",
        "I begin with the position of the gap.",
        "Where does the black part begin and end? I have it measured.",
    ),
    "try_first": (
        "The gap is {box}. I put candidate {letter} into it and look at the edges.",
        "Black is the area {box}. Let me see how {letter} looks there.",
        "The part belongs to {box}. I try {letter} first.",
        "With the gap at {box}, I can test the candidates. {letter} comes first.",
    ),
    "try_next": (
        "{verdict} So it is not {tried}. I try {letter} instead.",
        "{verdict} That rules out {tried}; next is {letter}.",
        "{verdict} {tried} is wrong. Let me see {letter} in the gap.",
        "{verdict} I go back and put {letter} there.",
    ),
    "misfit": (
        "With {tried} the {side} edge is a clear break: colours and lines end there.",
        "At the {side} edge {tried} does not go on with its surroundings.",
        "I can see the seam of {tried}, most of all at its {side} edge.",
        "The {side} edge of {tried} does not match what is beside it.",
    ),
    "fits": (
        "With {tried} lines and colours run on across the edges. It is the missing part.",
        "No seam is left around {tried}; I answer it.",
        "{tried} goes on with its surroundings on every side, so it is right.",
        "The edges of {tried} match. This is the answer.",
    ),
    "give_up": (
        "The tools do not help here, so I look myself. {seen}",
        "It failed again. I rely on my own eyes. {seen}",
        "I cannot get this from the tools; I do it by sight. {seen}",
        "Two failures are enough. I compare the edges myself. {seen}",
    ),
    "by_sight": (
        "I can compare the edges without tools. {seen}",
        "No tool is needed here. {seen}",
        "I look at the candidates myself. {seen}",
        "This can be answered by looking. {seen}",
    ),
    "seen": (
        "What borders the black area goes on in {tried}, and in no other candidate.",
        "Of all candidates only {tried} has the colours that the edges of the gap ask for.",
        "The lines that end at the gap are taken up by {tried}.",
        "The others would leave a seam; {tried} would not.",
    ),
}
"""Purpose to templates."""
