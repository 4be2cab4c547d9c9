"""Runs in an environment that holds the wheel and nothing else: one episode through the public API."""

import sys
from pathlib import Path

import gymnasium as gym

import adagym

package = Path(adagym.__file__).parent
assert "site-packages" in package.parts, f"imported {package}, not the wheel"
assert not list(package.glob("**/tests")), "the wheel holds tests"

env = gym.make("adagym/VSPNavigation-v0")
observation, info = env.reset(seed=0)
assert observation["images"], "the first observation has no picture"
call = '<tool_call>{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}</tool_call>'
observation, reward, terminated, truncated, info = env.step(f"<think>Where?</think>{call}")
assert info["result"].ok, info
assert len(observation["images"]) == 1, "Point returned no picture"
observation, reward, terminated, truncated, info = env.step("<think>x</think><response>\\boxed{R}</response>")
assert terminated, info
assert info["outcome"] == "answered", info
assert not {"envs", "tools", "torch", "pygame"} & set(sys.modules), "a heavy or bare module was loaded"
print("smoke: ok")
