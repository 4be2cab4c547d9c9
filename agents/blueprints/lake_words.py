"""How the frozen-lake blueprints word their thoughts."""

from __future__ import annotations

from adagym.agents.blueprints.words import COMMON

WORDINGS: dict[str, tuple[str, ...]] = {
    **COMMON,
    "find_elf": (
        "First I need to know where the player is.",
        "Let me find the elf, the start of the path.",
        "I begin with the position of the elf.",
        "Where does the elf stand? I have it pointed out.",
    ),
    "find_gift": (
        "The elf is at {elf}. Now the gift.",
        "Start {elf}. Next I need the goal.",
        "I know the start, {elf}; where is the gift?",
        "The path starts at {elf}. Let me find where it must end.",
    ),
    "find_holes": (
        "The gift is at {gift}. Now the holes to avoid.",
        "Goal {gift}. Next I need every ice hole.",
        "The path must end at {gift}. Which cells are dangerous?",
        "I know the goal, {gift}; let me find the holes.",
    ),
    "find_holes_of_walk": (
        "The walk starts at {elf}. Now the holes.",
        "The elf is at {elf}. Which cells are holes?",
        "Start {elf}. Next I need every ice hole.",
        "I know the start, {elf}; let me find the holes.",
    ),
    "try_path": (
        "Holes found: {holes}. I try {path} and draw it to check.",
        "With the holes in mind ({holes} of them), {path} may do. Let me see it drawn.",
        "I think {path} leads to the gift. I draw it before I answer.",
        "A path could be {path}. Drawing it shows whether it is safe.",
    ),
    "retry_path": (
        "{verdict} So this path is wrong. I try {path} instead.",
        "{verdict} I have to go back and change it: {path}.",
        "{verdict} That fails. Another way is {path}; I draw it.",
        "{verdict} Let me correct this: {path}.",
    ),
    "have_planned": (
        "Holes found: {holes}. I have a path planned around them.",
        "With start, goal and all holes known, a path can be planned.",
        "All places are known. A planner can find a shortest path.",
        "I know all I need, so I let a path be computed.",
    ),
    "replan": (
        "{verdict} So this path is wrong. I have one planned instead.",
        "{verdict} My own path fails; a planner should find a safe one.",
        "{verdict} I had better let a path be computed.",
        "{verdict} Let me have the way around the holes planned.",
    ),
    "draw_planned": (
        "The planned path is {path}. I draw it to check.",
        "{path} was found. Let me see it on the map.",
        "I got {path}; drawing it shows whether it holds.",
        "Before I answer {path}, I look at it on the map.",
    ),
    "in_hole": (
        "The path passes {point}, which is a hole.",
        "At {point} the path meets an ice hole.",
        "{point} is one of the holes, and the path goes there.",
        "The path falls into the hole at {point}.",
    ),
    "off_goal": (
        "The path ends at {point}, not at the gift {gift}.",
        "It stops at {point}, but the gift is at {gift}.",
        "The last point is {point}; the goal {gift} is not reached.",
        "No hole, but the path leads to {point} and not to {gift}.",
    ),
    "path_is_right": (
        "No point of the path is a hole, and it ends at {gift}. It is right.",
        "The drawn path avoids every hole and reaches the gift at {gift}.",
        "The path stays on the ice and ends at {gift}, so I answer it.",
        "All points are free, the last one is the gift {gift}. This is the answer.",
    ),
    "draw_walk": (
        "Holes found: {holes}. I draw the sequence {path} from the start.",
        "Now I draw {path} and see where it leads.",
        "Let me follow {path} on the map.",
        "With the holes known, I look at the path of {path}.",
    ),
    "redraw_walk": (
        "I drew {drawn}, but the sequence says {path}: move {number} differs. I draw it again.",
        "Wait, move {number} of {drawn} is not the one asked for. The sequence is {path}.",
        "Compared with {path}, what I drew differs from move {number} on. Once more.",
        "That was not the sequence: {drawn} instead of {path}, see move {number}. I correct it.",
    ),
    "walk_falls": (
        "The path passes {point}, which is a hole. It is not safe.",
        "At {point} the sequence leads into a hole, so it is unsafe.",
        "{point} is an ice hole on the path. The answer is no.",
        "Going through the points, {point} is a hole. Not safe.",
    ),
    "walk_is_safe": (
        "None of the points on the path is a hole. It is safe.",
        "I compare every point with the holes: all are free. Safe.",
        "The sequence never enters a hole, so the answer is yes.",
        "All points of the path are on the ice. It is safe.",
    ),
    "give_up": (
        "The tools do not help here, so I look myself. {seen}",
        "It failed again. I rely on my own eyes. {seen}",
        "I cannot get this from the tools; I do it by sight. {seen}",
        "Two failures are enough. I read the map myself. {seen}",
    ),
    "by_sight": (
        "I can read this map without tools. {seen}",
        "No tool is needed here. {seen}",
        "I look at the map myself. {seen}",
        "This can be answered by looking. {seen}",
    ),
    "seen": (
        "By row and column, the elf is at {elf}, the gift at {gift}, holes at {holes}.",
        "Elf (row, column) {elf}; gift {gift}; holes {holes}.",
        "Counting rows and columns from the top left: elf {elf}, gift {gift}, holes {holes}.",
        "In (row, column): the elf stands at {elf}, the gift at {gift}, and there are holes at {holes}.",
    ),
    "seen_path": (
        "A path around the holes is {path}.",
        "So {path} reaches the gift safely.",
        "From the elf, {path} leads to the gift.",
        "{path} avoids the holes.",
    ),
    "seen_fall": (
        "Following the moves, the elf falls at (row, column) {place}.",
        "The walk enters the hole at {place}.",
        "Step by step, {place} is reached, and that is a hole.",
        "The sequence leads to {place}, a hole.",
    ),
    "seen_safe": (
        "Following the moves, no hole is entered.",
        "The walk stays clear of all of them.",
        "Step by step, every cell is ice.",
        "The sequence meets none of the holes.",
    ),
}
"""Purpose to templates."""
