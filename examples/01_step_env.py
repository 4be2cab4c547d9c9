"""Step an environment by hand: call tools on the picture, then answer.

Run: python examples/01_step_env.py
"""

import gymnasium as gym

import adagym  # noqa: F401  (registers the environments)
from adagym.protocol import DIALECTS
from adagym.types import ToolCall

dialect = DIALECTS.load("adareasoner")
env = gym.make("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=5,n=10", dialect="adareasoner")

observation, info = env.reset(seed=0, options={"task": 3})
print(info["task_id"], [image.shape for image in observation["images"]])

found = {}
for name in ("Elf", "Gift", "Ice Holes"):
    # The dialect writes what a model would have to write; any text is a legal action.
    action = dialect.write_call(ToolCall("Point", {"image": "img_1", "description": name}), f"Where: {name}?")
    observation, reward, terminated, truncated, info = env.step(action)
    found[name] = info["result"].data["points"]
    print(f"{name}: {found[name]}, {len(observation['images'])} new picture")

plan = ToolCall("AStar", {"start": found["Elf"][0], "goal": found["Gift"][0], "obstacles": found["Ice Holes"]})
observation, reward, terminated, truncated, info = env.step(dialect.write_call(plan, "Plan a path."))
print(f"AStar: {observation['text']}")

path = info["result"].data["path"]
observation, reward, terminated, truncated, info = env.step(dialect.write_answer(path, "That is safe."))
print(f"terminated={terminated} reward={reward} parts={info['reward_parts']}")
env.close()
