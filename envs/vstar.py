"""Visual search after V* (arXiv 2312.14135): what can be said of one small thing in a large picture?"""

from __future__ import annotations

from adagym.envs.base import ToolEnv


class VStar(ToolEnv):
    r"""Answer a question about a small object in a picture of up to 8K.

    ## Description

    The agent sees a photograph on which many small objects stand, some with a tag that has a code on it, some
    with another object beside them. The question is about one of them that is there once: its colour, the code
    on its tag, which object is next to it, what that one is made of, or on which side of another object it
    stands. The agent answers with the letter of an option. What the wrong options say is there to be seen too,
    elsewhere in the picture. It may call tools first: `Point` finds objects by name, `Crop` cuts out a part at
    its full resolution, `OCR` reads text.

    In the default source an object's size is 1/80 of the picture's width: 48 of 3840 pixels, and 6 in a thumbnail
    of 448. `difficulty` changes that, `side` goes up to 7680, and `clutter`, `similarity` and `kinds` say what
    else stands there and what is asked. Training and testing share no object and no photograph.

    Questions have four options, and those about sides two. The kinds take turns, so by chance 30 % of the answers
    are right. Of the benchmarks that can be loaded it is 25 % for HR-Bench (`hr-bench:DIR`), and 35 % for V* bench
    (`vstar-bench:DIR`), whose kinds have four and two options.

    ## Prompt

    The system prompt explains the tools and the format of the dialect. The task prompt asks the question and
    lists the options with their letters.

    ## Action Space

    `ActionText`: any text of 1 to 100,000 characters. What counts is its content, in the dialect:

    | Action | Effect |
    |---|---|
    | a tool call | the tool runs; its result is the next observation |
    | an answer, such as `B` | the episode ends |
    | anything else | an error is the next observation; a turn is spent |

    `sample()` draws valid calls and answers.

    ## Observation Space

    `Dict`, with what is new only; the whole transcript is `env.unwrapped.messages`.

    | Key | Space | Content |
    |---|---|---|
    | `text` | `UnicodeText` | at reset the system prompt and the task; then tool results and errors |
    | `images` | `ImageTuple` | at reset the picture; then pictures made by tools; read-only |

    A picture is `(height, width, 3)` `uint8` RGB. Tools address pictures as `img_1`, `img_2`, ... in order of
    appearance.

    ## Rewards

    0 until the episode ends; then the total of the preset named by `reward`, for `tool_grpo` the format
    reward (0 or 1) times the sum of the tool reward (0 to 4) and the accuracy reward (0 or 4). The parts
    are in `info["reward_parts"]`. An answer that names the right option, by letter or in words, is right.

    ## Starting State

    A task drawn from the task source with the environment's seeded generator, or the one given as
    `reset(options={"task": ...})`: a `Task`, a task's id, or an index. The picture is drawn or read then.

    ## Episode End

    Termination: the agent answered. Truncation: `max_turns` actions without an answer, `truncate()`, or failure of the
    infrastructure; `info["outcome"]` tells them apart (`answered`, `truncated`, `infra_failure`), and the
    latter is never scored.

    ## Arguments

    | Argument | Type | Default | Meaning |
    |---|---|---|---|
    | `tasks` | str, sequence of `Task` | None | such as `vstar:side=7680` or `hr-bench:DIR`; None is `vstar` |
    | `tools` | str or sequence of str | None | tools offered; None offers `Point`, `Crop`, `OCR` |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("adagym/VStar-v0", tasks="vstar:n=5,side=1280")
    >>> observation, info = env.reset(seed=0)
    >>> observation["images"][0].shape
    (720, 1280, 3)

    ## Version History

    * v0: first version
    """

    env_id = "adagym/VStar-v0"
    family = "vstar"
    default_tasks = "vstar"
    default_tools = ("Point", "Crop", "OCR")
