"""Verification of VSP (Visual Spatial Planning, arXiv 2407.01863): is a given plan safe?"""

from __future__ import annotations

from adagym.envs.base import ToolEnv


class VSPVerification(ToolEnv):
    r"""Tell whether a given plan is safe on an ice map.

    ## Description

    The agent sees the picture of a square map with a player, a gift and holes in the ice, and a sequence of
    moves. It says whether the player, following the moves, stays clear of every hole. The moves need not
    reach the gift, and passing it does not stop the walk. It may call tools first: `Point` finds things in
    the picture, `Draw2DPath` draws the moves, `AStar` computes a path from coordinates.

    ## Prompt

    The system prompt explains the tools and the format of the dialect. The task prompt explains the map,
    states the action sequence and asks for Yes (safe) or No.

    ## Action Space

    `ActionText`: any text of 1 to 100,000 characters. What counts is its content, in the dialect:

    | Action | Effect |
    |---|---|
    | a tool call | the tool runs; its result is the next observation |
    | an answer, `Yes` or `No` | the episode ends |
    | anything else | an error is the next observation; a turn is spent |

    `sample()` draws valid calls and answers.

    ## Observation Space

    `Dict`, with what is new only; the whole transcript is `env.unwrapped.messages`.

    | Key | Space | Content |
    |---|---|---|
    | `text` | `UnicodeText` | at reset the system prompt and the task; then tool results and errors |
    | `images` | `ImageTuple` | at reset the map; then pictures made by tools; read-only |

    A picture is `(height, width, 3)` `uint8` RGB. Tools address pictures as `img_1`, `img_2`, ... in order of
    appearance.

    ## Rewards

    0 until the episode ends; then the total of the preset named by `reward`, for `tool_grpo` the format
    reward (0 or 1) times the sum of the tool reward (0 to 4) and the accuracy reward (0 or 4). The parts
    are in `info["reward_parts"]`. The right answer comes from simulating the moves on the map.

    ## Starting State

    A task drawn from the task source with the environment's seeded generator, or the one given as
    `reset(options={"task": ...})`: a `Task`, a task's id, or an index. Half of the generated plans are safe.

    ## Episode End

    Termination: the agent answered. Truncation: `max_turns` actions without an answer, `truncate()`, or failure of the
    infrastructure; `info["outcome"]` tells them apart (`answered`, `truncated`, `infra_failure`), and the
    latter is never scored.

    ## Arguments

    | Argument | Type | Default | Meaning |
    |---|---|---|---|
    | `tasks` | str, sequence of `Task` | None | such as `vsp-generated:sides=5` or `vsp:DIR`; None is `vsp-generated` |
    | `tools` | str or sequence of str | None | tools offered; None offers `Point`, `Draw2DPath`, `AStar` |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("adagym/VSPVerification-v0", tasks="vsp-generated:sides=3,n=5")
    >>> observation, info = env.reset(seed=0)
    >>> "Yes" in observation["text"], len(observation["images"])
    (True, 1)

    ## Version History

    * v0: first version
    """

    env_id = "adagym/VSPVerification-v0"
    family = "vsp_verification"
    default_tasks = "vsp-generated"
    default_tools = ("Point", "Draw2DPath", "AStar")
