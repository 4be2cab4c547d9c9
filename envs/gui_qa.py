"""Questions about screens, as AdaReasoner asks them of GUIChat and WebMMU (arXiv 2601.18631)."""

from __future__ import annotations

from adagym.envs.base import ToolEnv


class GUIQA(ToolEnv):
    r"""Answer a question about a screenshot.

    ## Description

    The agent sees a screenshot of a web page at full size and answers a question about it: what is shown beside
    a label, in a field or in a table's cell, what two numbers add up to, which of three is the largest, where
    something is, or which box to click. It may call tools first: `OCR` reads a picture, `Crop` cuts out a
    region, `Point` finds something by its description.

    The default source asks about screenshots that come with adagym: pages of two UI kits, rendered with random
    content, sizes and colours, and a record of what they show. Each question has one answer that can be seen on
    the picture. Training and testing share no page of a kit. `adagym build gui` renders more pages, for
    `gui:DIR`; `guichat:DIR` and `webmmu:DIR` read the benchmarks.

    By chance a quarter of the questions where to click and a third of the comparisons are answered, and hardly
    any others: about 8 % of the default source, which asks seven kinds of questions equally often.

    ## Prompt

    The system prompt explains the tools and the format of the dialect. The task prompt asks the question, lists
    the options if there are any, and says in what form to answer.

    ## Action Space

    `ActionText`: any text of 1 to 100,000 characters. What counts is its content, in the dialect:

    | Action | Effect |
    |---|---|
    | a tool call | the tool runs; its result is the next observation |
    | an answer: a text, a number, a letter or a box `[x1, y1, x2, y2]` | the episode ends |
    | anything else | an error is the next observation; a turn is spent |

    `sample()` draws valid calls and answers.

    ## Observation Space

    `Dict`, with what is new only; the whole transcript is `env.unwrapped.messages`.

    | Key | Space | Content |
    |---|---|---|
    | `text` | `UnicodeText` | at reset the system prompt and the task; then tool results and errors |
    | `images` | `ImageTuple` | at reset the screenshot; then pictures made by tools; read-only |

    A picture is `(height, width, 3)` `uint8` RGB. Tools address pictures as `img_1`, `img_2`, ... in order of
    appearance.

    ## Rewards

    0 until the episode ends; then the total of the preset named by `reward`, for `tool_grpo` the format
    reward (0 or 1) times the sum of the tool reward (0 to 4) and the accuracy reward (0 to 4). The parts
    are in `info["reward_parts"]`. Texts must be equal up to case, white space and punctuation around them, numbers
    equal, and boxes overlap with an intersection over union of 0.5. Answers to the benchmarks are scored by
    ANLS, which can be right in part.

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
    | `tasks` | str, sequence of `Task` | None | `gui:kinds=cell-where`, `gui:DIR`, `guichat:DIR`; None is `gui` |
    | `tools` | str or sequence of str | None | tools offered; None offers `OCR`, `Crop`, `Point` |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("adagym/GUIQA-v0", tasks="gui:kinds=press,n=5")
    >>> observation, info = env.reset(seed=0)
    >>> len(observation["images"]), "\nD. [" in observation["text"]
    (1, True)

    ## Version History

    * v0: first version
    """

    env_id = "adagym/GUIQA-v0"
    family = "gui_qa"
    default_tasks = "gui"
    default_tools = ("OCR", "Crop", "Point")
