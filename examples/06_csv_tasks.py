"""Make tasks of a CSV file and a folder of pictures, as a task source of your own.

Run: python examples/06_csv_tasks.py
"""

import csv
import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np
from PIL import Image

import adagym  # noqa: F401  (registers the environments)
from adagym.envs.tasks import SOURCES
from adagym.envs.tasks.lazy import LazyTasks
from adagym.pictures import PictureFile
from adagym.protocol import DIALECTS
from adagym.testing import check_task_source
from adagym.types import Task


class CsvTasks(LazyTasks):
    """Rows of `questions.csv`: picture, question, answer. Pictures are read when a task is played."""

    def __init__(self, family: str, folder: str) -> None:
        self.family, self.folder = family, Path(folder)
        with open(self.folder / "questions.csv", encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))

    def __len__(self) -> int:
        return len(self.rows)

    def _at(self, index: int) -> Task:
        row = self.rows[index]
        pictures = (PictureFile(str(self.folder / row["picture"])),)
        rest = {"answer": row["answer"], "answer_type": "yes_no"}
        return Task(f"my-csv/{index}", self.family, row["question"], pictures, **rest)


SOURCES.register("my-csv", f"{__name__}:CsvTasks", summary="my-csv:DIR, my own questions")

with tempfile.TemporaryDirectory() as folder:
    lines = ["picture,question,answer"]
    for name, shade, answer in (("dark.png", 40, "No"), ("light.png", 210, "Yes")):
        Image.fromarray(np.full((120, 160, 3), shade, np.uint8)).save(f"{folder}/{name}")
        lines.append(f"{name},Is the picture rather light? Answer Yes or No.,{answer}")
    Path(folder, "questions.csv").write_text("\n".join(lines), encoding="utf-8")

    env = gym.make("adagym/ImageQA-v0", tasks=f"my-csv:{folder}", tools=("Crop",))
    check_task_source(env.unwrapped.tasks, "image_qa")  # the contract every source keeps
    for index in range(2):
        observation, info = env.reset(options={"task": index})
        guess = "Yes" if observation["images"][0].mean() > 128 else "No"
        action = DIALECTS.load("adareasoner").write_answer(guess, "I look at the picture.")
        _, reward, _, _, info = env.step(action)
        print(f"{info['task_id']}: reward {reward}, parts {info['reward_parts']}")
    env.close()
