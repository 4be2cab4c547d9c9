"""Add a tool of your own and offer it in an environment, without touching adagym.

Run: python examples/03_custom_tool.py

A package would name its tools in the entry-point group `adagym.tools` instead of registering them here.
"""

import gymnasium as gym

import adagym  # noqa: F401  (registers the environments)
from adagym.errors import ErrorCode, ToolError
from adagym.protocol import DIALECTS
from adagym.tools import TOOLS
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.values import ImageArg
from adagym.types import ToolCall


def quarter(image: ImageArg, corner: str) -> ToolOutput:
    """Cut out a quarter of a picture.

    Args:
        image: The picture to cut.
        corner: Which quarter: "top left", "top right", "bottom left" or "bottom right".
    """
    vertical, _, horizontal = corner.partition(" ")
    if vertical not in ("top", "bottom") or horizontal not in ("left", "right"):
        raise ToolError(f"There is no corner `{corner}`.", ErrorCode.INVALID_PARAMETERS, "corner")
    height, width = image.shape[0] // 2, image.shape[1] // 2
    top, left = height * (vertical == "bottom"), width * (horizontal == "right")
    return ToolOutput({"offset": [left, top]}, (image[top : top + height, left : left + width].copy(),))


QUARTER = Tool.of(quarter, "Quarter")  # name, schema and checks come from the signature and the docstring
TOOLS.register("Quarter", f"{__name__}:QUARTER", summary="a quarter of a picture")

env = gym.make("adagym/VSPNavigation-v0", tools=("Point", "Quarter"), tasks="vsp-generated:sides=6,n=1")
env.reset(seed=0)
dialect = DIALECTS.load("adareasoner")
for corner in ("top left", "middle"):
    call = ToolCall("Quarter", {"image": "img_1", "corner": corner})
    observation, _, _, _, info = env.step(dialect.write_call(call, "Look closer."))
    print(observation["text"], [image.shape for image in observation["images"]])
env.close()
