"""Jigsaw of AdaReasoner (arXiv 2601.18631) and BLINK (arXiv 2404.12390): which part is missing in a picture?"""

from __future__ import annotations

from adagym.envs.base import ToolEnv


class Jigsaw(ToolEnv):
    r"""Tell which of two or three pictures is the part that is missing in another one.

    ## Description

    The agent sees a picture of which a quarter is black, and two or three smaller pictures, of which one is the
    part that was there. The others are parts of the same photograph from elsewhere. It answers with the letter
    of the missing part. It may call tools first: `DetectBlackArea` finds the box of the black part,
    `InsertImage` puts a candidate into it, so that the edges can be compared, and `Crop` cuts out a detail.

    The default source cuts its puzzles from a few photographs that come with adagym: each puzzle from a random
    section of one of them, divided into 3x3 cells. The picture is a window of 2x2 cells, the wrong candidates are
    cells outside of it that differ clearly from the right one. In training the missing cell is one of the
    window's other corners, in testing the lower right one, and the two splits share no photograph. For more
    photographs give a folder, `jigsaw:DIR`, such as one of COCO.

    By chance half of the puzzles with two candidates are solved and a third of those with three: 41.7 % of the
    default source, which has as many of either.

    ## Prompt

    The system prompt explains the tools and the format of the dialect. The task prompt asks for the missing
    part and lists the candidates with their letters and names.

    ## Action Space

    `ActionText`: any text of 1 to 100,000 characters. What counts is its content, in the dialect:

    | Action | Effect |
    |---|---|
    | a tool call | the tool runs; its result is the next observation |
    | an answer, `A`, `B` or `C` | the episode ends |
    | anything else | an error is the next observation; a turn is spent |

    `sample()` draws valid calls and answers.

    ## Observation Space

    `Dict`, with what is new only; the whole transcript is `env.unwrapped.messages`.

    | Key | Space | Content |
    |---|---|---|
    | `text` | `UnicodeText` | at reset the system prompt and the task; then tool results and errors |
    | `images` | `ImageTuple` | at reset the picture and its candidates; then pictures made by tools; read-only |

    A picture is `(height, width, 3)` `uint8` RGB. Tools address pictures as `img_1`, `img_2`, ... in order of
    appearance.

    ## Rewards

    0 until the episode ends; then the total of the preset named by `reward`, for `tool_grpo` the format
    reward (0 or 1) times the sum of the tool reward (0 to 4) and the accuracy reward (0 or 4). The parts
    are in `info["reward_parts"]`. An answer that names the right candidate, by letter or in words, is right.

    ## Starting State

    A task drawn from the task source with the environment's seeded generator, or the one given as
    `reset(options={"task": ...})`: a `Task`, a task's id, or an index.

    ## Episode End

    Termination: the agent answered. Truncation: `max_turns` actions without an answer, `truncate()`, or failure of the
    infrastructure; `info["outcome"]` tells them apart (`answered`, `truncated`, `infra_failure`), and the
    latter is never scored.

    ## Arguments

    | Argument | Type | Default | Meaning |
    |---|---|---|---|
    | `tasks` | str, sequence of `Task` | None | such as `jigsaw:split=train` or `jigsaw:DIR`; None is `jigsaw` |
    | `tools` | str or sequence of str | None | tools offered; None offers `DetectBlackArea`, `InsertImage`, `Crop` |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("adagym/Jigsaw-v0", tasks="jigsaw:choices=3,n=5")
    >>> observation, info = env.reset(seed=0)
    >>> len(observation["images"]), "(C) The fourth image (img_4)" in observation["text"]
    (4, True)

    ## Version History

    * v0: first version
    """

    env_id = "adagym/Jigsaw-v0"
    family = "jigsaw"
    default_tasks = "jigsaw"
    default_tools = ("DetectBlackArea", "InsertImage", "Crop")
