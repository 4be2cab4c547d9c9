"""Navigation of VSP (Visual Spatial Planning, arXiv 2407.01863): plan a path over the ice."""

from __future__ import annotations

from adagym.envs.base import ToolEnv


class VSPNavigation(ToolEnv):
    r"""Plan a shortest safe path on an ice map.

    ## Description

    The agent sees the picture of a square map with a player, a gift and holes in the ice, and gives the
    moves that bring the player to the gift. Maps are solvable; the player and the gift stand anywhere.
    It may call tools first: `Point` finds things in the picture, `AStar` computes a path from
    coordinates, `Draw2DPath` draws a path to check it.

    ## Prompt

    The system prompt explains the tools and the format of the dialect. The task prompt explains the map
    and asks for a shortest safe plan as comma-separated letters L, R, U, D. Moving off the edge has no
    effect; falling into a hole ends in failure.

    ## Action Space

    `ActionText`: any text of 1 to 100,000 characters. What counts is its content, in the dialect:

    | Action | Effect |
    |---|---|
    | a tool call | the tool runs; its result is the next observation |
    | an answer, such as `R,R,D` | the episode ends |
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
    are in `info["reward_parts"]`. Accuracy is decided by simulating the plan on the map.

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
    | `tasks` | str, sequence of `Task` | None | `vsp-generated:sides=4-6` or `vsp:DIR`; None: `vsp-generated` |
    | `tools` | str or sequence of str | None | tools offered; None offers `Point`, `Draw2DPath`, `AStar` |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=3,n=5", max_turns=4)
    >>> observation, info = env.reset(seed=0)
    >>> len(observation["images"]), info["turn"], info["outcome"]
    (1, 0, 'running')
    >>> _, _, terminated, _, info = env.step(r"<think>Look.</think><response>\boxed{L}</response>")
    >>> terminated, info["outcome"]
    (True, 'answered')

    ## Version History

    * v0: first version
    """

    env_id = "adagym/VSPNavigation-v0"
    family = "vsp_navigation"
    default_tasks = "vsp-generated"
    default_tools = ("Point", "Draw2DPath", "AStar")
