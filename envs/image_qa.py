"""Questions about one or several pictures: which picture shows it, how many do, what is in one and not in another?"""

from __future__ import annotations

from adagym.envs.base import ToolEnv


class ImageQA(ToolEnv):
    r"""Answer a question about one or several pictures.

    ## Description

    The agent sees one picture or several, and a question about them. It answers with the letter of an option, a
    number, yes or no, or a few words, whatever the question asks for. It may call tools first: `Point` finds objects
    by name, `crop_image` cuts out a part at its full resolution, `OCR` reads text, `PathTracer` draws a line from one
    point to another.

    The default source shows four scenes of small objects on photographs, 960 pixels wide. The question cannot be
    answered from one of them alone: in which picture an object is, how many pictures show it, which object is in one
    picture and not in another, which picture shows the most of it, or which code is on the tag below an object that
    must first be found. `pictures`, `side`, `difficulty` and `clutter` make it harder, and `kinds` says what is asked.
    Training and testing share no object and no photograph. Every question has four options, so by chance 25 % of the
    answers are right.

    The benchmarks that can be loaded are MMSI-Bench, SPAR-Bench, MME, InfoVQA, MathVista, MMBench and MMStar;
    docs/image-benchmarks.md says how, and by how much chance is right there.

    ## Prompt

    The system prompt explains the tools and the format of the dialect. The task prompt asks the question, lists the
    options with their letters if there are any, and says what form the answer has.

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
    | `images` | `ImageTuple` | at reset the pictures; then those made by tools; read-only |

    A picture is `(height, width, 3)` `uint8` RGB. Tools address pictures as `img_1`, `img_2`, ... in order of
    appearance.

    ## Rewards

    0 until the episode ends; then the total of the preset named by `reward`, for `tool_grpo` the format
    reward (0 or 1) times the sum of the tool reward (0 to 4) and the accuracy reward (0 or 4). The parts
    are in `info["reward_parts"]`. An answer that names the right option, by letter or in words, is right; for other
    kinds of answers see docs/at-grpo.md.

    ## Starting State

    A task drawn from the task source with the environment's seeded generator, or the one given as
    `reset(options={"task": ...})`: a `Task`, a task's id, or an index. The pictures are drawn or read then.

    ## Episode End

    Termination: the agent answered. Truncation: `max_turns` actions without an answer, `truncate()`, or failure of the
    infrastructure; `info["outcome"]` tells them apart (`answered`, `truncated`, `infra_failure`), and the
    latter is never scored.

    ## Arguments

    | Argument | Type | Default | Meaning |
    |---|---|---|---|
    | `tasks` | str, sequence of `Task` | None | such as `images:pictures=6` or `mme:DIR`; None is `images` |
    | `tools` | str or sequence of str | None | None offers `crop_image`, `PathTracer`, `Point`, `OCR` |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("adagym/ImageQA-v0", tasks="images:n=5,side=640")
    >>> observation, info = env.reset(seed=0)
    >>> [picture.shape for picture in observation["images"]]
    [(360, 640, 3), (360, 640, 3), (360, 640, 3), (360, 640, 3)]

    ## Version History

    * v0: first version
    """

    env_id = "adagym/ImageQA-v0"
    family = "image_qa"
    default_tasks = "images"
    default_tools = ("crop_image", "PathTracer", "Point", "OCR")
