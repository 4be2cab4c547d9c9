"""Every registered name loads and passes the contract kit."""

from __future__ import annotations

import base64
import importlib
import inspect
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from adagym.agents import AGENTS, Agent
from adagym.agents.human import HumanAgent
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.cli import COMMANDS
from adagym.cli.list import REGISTRIES, registry_of
from adagym.envs import ENVS
from adagym.envs.tasks import SOURCES, load_tasks
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.evals.scorers import SCORERS
from adagym.evals.spec import make_agent
from adagym.protocol import DIALECTS
from adagym.rewards import PRESETS, REWARDS
from adagym.store import Store
from adagym.testing import check_agent, check_dialect, check_env, check_reward, check_task_source, check_tool
from adagym.tools import TOOLS
from adagym.tools.pointing import POINTERS
from adagym.tools.reading import READERS
from adagym.types import Trajectory
from adagym.video import KINDS

QUICK = {
    "adagym/ImageQA-v0": "images:side=320,n=20",
    "adagym/VStar-v0": "vstar:side=320,difficulty=easy,n=20",
    "adagym/VideoQA-v0": "video:side=640,seconds=13,events=5,n=20",
}
"""Environment to a task source of small pictures, where its own are large."""
FAMILIES = ("vsp_navigation", "vsp_verification")


@pytest.fixture(scope="module")
def expert_episodes() -> list[Trajectory]:
    """Six finished episodes; the tasks are the first of the seeds that ``check_agent`` uses, twice."""
    collector = Collector(VSPNavigation, ExpertAgent())
    tasks = []
    env = VSPNavigation()
    for seed in range(3):
        env.reset(seed=seed)
        assert env.task is not None
        tasks.append((env.task, seed))
    return [rollout.trajectory for rollout in collector.collect([Job(task, seed) for task, seed in [*tasks, *tasks]])]


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_name_of_a_kind_loads_and_is_summarised(kind: str) -> None:
    for entry in registry_of(kind):
        assert entry.summary, f"{kind}: `{entry.name}` has no summary"
        assert registry_of(kind).load(entry.name) is not None


def test_every_registry_is_listed() -> None:
    registered = {id(registry_of(kind)) for kind in REGISTRIES}
    own = (ENVS, SOURCES, TOOLS, REWARDS, PRESETS, AGENTS, DIALECTS, READERS, POINTERS, SCORERS, KINDS)
    assert registered == {id(registry) for registry in own}


@pytest.mark.parametrize("name", ENVS.names())
def test_environments(name: str) -> None:
    check_env(gym.make(name, tasks=QUICK.get(name)))


@pytest.mark.parametrize("name", TOOLS.names())
def test_tools(name: str) -> None:
    map_image = load_tasks("vsp-generated:sides=4,n=1", "vsp_navigation")[0].images[0].load()
    check_tool(name, (map_image,))
    check_tool(name, (np.zeros((40, 60, 3), np.uint8),))


@pytest.mark.parametrize("name", REWARDS.names())
def test_rewards(name: str, expert_episodes: list[Trajectory]) -> None:
    check_reward(name)
    check_reward(name, expert_episodes)


@pytest.mark.parametrize("name", PRESETS.names())
def test_presets(name: str, expert_episodes: list[Trajectory]) -> None:
    preset = PRESETS.load(name)
    copy = pickle.loads(pickle.dumps(preset))
    for trajectory in expert_episodes:
        score = preset(trajectory.task, trajectory)
        assert score == preset(trajectory.task, trajectory) == copy(trajectory.task, trajectory)
        assert score.total is not None
        assert 0 <= score.total <= 8
        assert {"format", "tool", "accuracy"} <= set(score.parts)
        void = replace(trajectory, outcome="infra_failure")
        assert preset(trajectory.task, void).total is None


@pytest.mark.parametrize("name", DIALECTS.names())
def test_dialects(name: str) -> None:
    check_dialect(name)
    assert DIALECTS.load(name).name == name


def benchmark_folder(folder: Path, family: str) -> Path:
    """The smallest folder in the benchmark's layout: one map, one picture."""
    maps = folder / {"vsp_navigation": "task-main/maps/level2", "vsp_verification": "task4/maps/level_step3"}[family]
    files = {
        "table/0.txt": "| | Col 1 | Col 2 |\n| Row 1 | @ | _ |\n| Row 2 | # | * |\n",
        "text/0.txt": "SF\nHG\n",
        "question/0.txt": "RD",
        "answer/0.txt": "Y",
    }
    for name, content in files.items():
        path = maps / name
        path.parent.mkdir(parents=True)
        path.write_text(content)
    (maps / "img").mkdir()
    Image.new("RGB", (128, 128)).save(maps / "img" / "0.png")
    return folder


def scored_folder(folder: Path, family: str) -> Path:
    """Scores of five generated tasks, as ``adagym benefit`` leaves them."""
    spec = "vsp-generated:sides=4,n=5"
    scores = [{"id": task.id, "index": i, "benefit": i / 4} for i, task in enumerate(load_tasks(spec, family))]
    (folder / "config.json").write_text(json.dumps({"family": family, "tasks": spec}))
    (folder / "benefit.jsonl").write_text("".join(f"{json.dumps(score)}\n" for score in scores))
    return folder


def png(side: int) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 80).save(stream, "PNG")
    return stream.getvalue()


def jigsaw_coco_file(folder: Path) -> Path:
    """Two rows of AdaEval-Jigsaw-COCO: one with two options, one with three."""
    rows = [
        {
            "idx": f"COCO_test_{count}",
            "question_image": {"bytes": png(64), "path": "q.jpg"},
            "choice_images": [{"bytes": png(32), "path": "c.jpg"}] * count,
            "question_text": "Which one is the missing part?",
            "correct_answer": "AB"[count - 2],
        }
        for count in (2, 3)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "test.parquet")
    return folder


def blink_file(folder: Path) -> Path:
    """Two rows of BLINK's Jigsaw."""
    rows = [
        {
            "idx": f"val_Jigsaw_{number}",
            "prompt": "Which one is the missing part? (A) the second image (B) the third image",
            **{f"image_{place}": {"bytes": png(32), "path": None} for place in (1, 2, 3)},
            "image_4": None,
            "choices": ["the second image", "the third image"],
            "answer": f"({'AB'[number]})",
        }
        for number in range(2)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "val-00000-of-00001.parquet")
    return folder


def guichat_file(folder: Path) -> Path:
    """Two rows of AdaEval-web_guichat."""
    rows = [{"image": {"bytes": png(32), "path": None}, "question": f"What is {n}?", "answer": str(n)} for n in (1, 2)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "validation.parquet")
    return folder


def webmmu_file(folder: Path) -> Path:
    """Two rows of WebMMU's questions."""
    rows = [
        {
            "image": {"bytes": png(32), "path": None},
            "question": "What?",
            "ground_truth": answer,
            "question_type": "Functional",
        }
        for answer in ("The menu [1, 2, 30, 40]", "Home")
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "english.parquet")
    return folder


def vstar_folder(folder: Path) -> Path:
    """One question of V* bench."""
    record = {"target_object": ["cup"], "bbox": [[1, 2, 3, 4]], "question": "What?", "options": ["a cup", "a dog"]}
    (folder / "direct_attributes").mkdir()
    (folder / "direct_attributes" / "sa_1.json").write_text(json.dumps(record))
    (folder / "direct_attributes" / "sa_1.jpg").write_bytes(png(32))
    return folder


def hr_file(folder: Path) -> Path:
    """One row of HR-Bench."""
    row = {"index": 0, "question": "What?", "image": base64.b64encode(png(32)).decode(), "category": "single"}
    row |= {"A": "a cup", "B": "a dog", "C": "a cow", "D": "a hen", "answer": "C", "cycle_category": "cycle_0"}
    parquet.write_table(pyarrow.Table.from_pylist([row]), folder / "hr_bench_4k.parquet")
    return folder


STRUCT = {"bytes": png(32), "path": None}
ASKED = {"question": "What? Options: A: a cup, B: a dog", "answer": "B"}
IMAGE_ROWS = {
    "infovqa": (
        "validation-0.parquet",
        {"questionId": "1", "question": "What?", "answers": ["cup"], "data_split": "val", "image": STRUCT},
    ),
    "mathvista": (
        "testmini-0.parquet",
        {"pid": "1", "question": "What?", "choices": ["1", "2"], "unit": None, "precision": None, "answer": "2"}
        | {"question_type": "multi_choice", "answer_type": "integer", "decoded_image": STRUCT},
    ),
    "mme": (
        "test-0.parquet",
        {"question_id": "a.png", "question": "A cup?", "answer": "Yes", "category": "count", "image": STRUCT},
    ),
    "mmsi-bench": ("MMSI_Bench.parquet", {"id": 1, "question_type": "Motion", "images": [png(32)] * 2} | ASKED),
    "mmstar": ("mmstar.parquet", {"index": 1, "category": "math", "l2_category": "geometry", "image": STRUCT} | ASKED),
    "spar-bench": (
        "test-0.parquet",
        {"id": "1", "task": "position_matching", "format_type": "select", "img_type": "multi", "image": [STRUCT]}
        | ASKED,
    ),
}
"""Image benchmark to the name of a file and one row of it."""


def image_file(name: str) -> Callable[[Path, str], str]:
    """Writes one row of an image benchmark; returns the spec."""

    def write(folder: Path, family: str) -> str:
        file, row = IMAGE_ROWS[name]
        parquet.write_table(pyarrow.Table.from_pylist([row]), folder / file)
        return f"{name}:{folder}"

    return write


CHOICES = {"question": "What?", "options": ["A. a cup", "B. a dog", "C. a hen"]}
VIDEO_ROWS = {
    "longvideo-reason": ("test.json", {"videos": "1.mp4", "problem": "What?\nA. a cup\nB. a dog", "answer": "B"}),
    "mvbench": (
        "action_count.json",
        {"video": "1.mp4", "question": "How often?", "candidates": ["1", "2", "3"], "answer": "2"},
    ),
    "perception-test": (
        "valid-0.parquet",
        {"video_name": "1", "question_id": 1, "area": "physics", "reasoning": "", "tag": [], "answer_id": 0} | CHOICES,
    ),
    "video-holmes": (
        "test_Video-Holmes.json",
        {"video ID": "1", "Question ID": 1, "Question Type": "SR", "Question": "Who?", "Answer": "B"}
        | {"Options": {"A": "a cup", "B": "a dog"}},
    ),
    "video-mme": (
        "test-0.parquet",
        {"video_id": "1", "question_id": "1-1", "answer": "B", "duration": "short"} | CHOICES,
    ),
    "video-mmmu": ("{}/test-0.parquet", {"id": "dev_Art_1", "answer": "B", "question_type": "perception"} | CHOICES),
    "vsi-bench": (
        "test.jsonl",
        {"id": 1, "dataset": "scannet", "scene_name": "1", "question_type": "route_planning", "ground_truth": "B"}
        | CHOICES,
    ),
}
"""Video benchmark to the name of a file and one row of it."""


def video_file(name: str) -> Callable[[Path, str], str]:
    """Writes one row of a video benchmark; returns the spec."""

    def write(folder: Path, family: str) -> str:
        file, row = VIDEO_ROWS[name]
        for config in ("Perception", "Comprehension", "Adaptation") if "{}" in file else ("",):
            path = folder / file.format(config)
            path.parent.mkdir(exist_ok=True)
            if path.suffix == ".parquet":
                parquet.write_table(pyarrow.Table.from_pylist([row]), path)
            else:
                path.write_text(json.dumps([row] if path.suffix == ".json" else row))
        return f"{name}:{folder}"

    return write


def mmbench_file(folder: Path) -> Path:
    """One question of MMBench."""
    fields = {"index": "1", "question": "What?", "A": "cup", "B": "dog", "answer": "B", "category": "count"}
    fields["image"] = base64.b64encode(png(32)).decode()
    (folder / "MMBench_DEV_EN.tsv").write_text("\t".join(fields) + "\n" + "\t".join(fields.values()) + "\n")
    return folder


def adatooler_file(folder: Path) -> Path:
    """A question about two pictures and one about a video, in AdaTooler-V's form."""
    question = {"problem": "Which?", "problem_type": "multiple choice", "options": ["A. x", "B. y"], "solution": "B"}
    (folder / "1.png").write_bytes(png(32))
    rows = [{**question, "data_type": "image", "path": ["1.png"] * 2}, {**question, "data_type": "video", "path": "1"}]
    (folder / "rl.json").write_text(json.dumps(rows))
    return folder / "rl.json"


def short_folder(folder: Path, family: str) -> Path:
    """Lengths of three generated tasks, as ``adagym build short`` leaves them."""
    spec = "vsp-generated:sides=4,n=3"
    lines = [{"id": task.id, "index": i, "tokens": 300} for i, task in enumerate(load_tasks(spec, family))]
    (folder / "config.json").write_text(json.dumps({"family": family, "tasks": spec}))
    (folder / "lengths.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


SPECS: dict[str, Callable[[Path, str], str]] = {
    "blink-jigsaw": lambda folder, family: f"blink-jigsaw:{blink_file(folder)}",
    "gui": lambda folder, family: "gui:n=14",
    "guichat": lambda folder, family: f"guichat:{guichat_file(folder)}",
    "images": lambda folder, family: "images:side=320,n=5",
    "mmbench": lambda folder, family: f"mmbench:{mmbench_file(folder)}",
    **{name: image_file(name) for name in IMAGE_ROWS},
    **{name: video_file(name) for name in VIDEO_ROWS},
    "jigsaw": lambda folder, family: "jigsaw:n=8",
    "webmmu": lambda folder, family: f"webmmu:{webmmu_file(folder)}",
    "jigsaw-coco": lambda folder, family: f"jigsaw-coco:{jigsaw_coco_file(folder)}",
    "hr-bench": lambda folder, family: f"hr-bench:{hr_file(folder)}",
    "vsp-generated": lambda folder, family: "vsp-generated:sides=4-5,n=30",
    "video": lambda folder, family: "video:n=10",
    "video-clips": lambda folder, family: "video-clips:n=3,kinds=duration",
    "vstar": lambda folder, family: "vstar:side=320,difficulty=easy,n=6",
    "vstar-bench": lambda folder, family: f"vstar-bench:{vstar_folder(folder)}",
    "vsp": lambda folder, family: f"vsp:{benchmark_folder(folder, family)}",
    "scored": lambda folder, family: f"scored:{scored_folder(folder, family)}",
    "adatooler": lambda folder, family: f"adatooler:{adatooler_file(folder)}",
    "short": lambda folder, family: f"short:{short_folder(folder, family)}",
}
"""A spec of each task source, given a folder to write in."""


FAMILIES_OF = {
    "adatooler": ("image_qa", "video_qa"),
    "gui": ("gui_qa",),
    "guichat": ("gui_qa",),
    "webmmu": ("gui_qa",),
    "hr-bench": ("vstar",),
    "images": ("image_qa",),
    "mmbench": ("image_qa",),
    **{name: ("image_qa",) for name in IMAGE_ROWS},
    **{name: ("video_qa",) for name in VIDEO_ROWS},
    "video": ("video_qa",),
    "video-clips": ("video_qa",),
    "vstar": ("vstar",),
    "vstar-bench": ("vstar",),
    "blink-jigsaw": ("jigsaw",),
    "jigsaw": ("jigsaw",),
    "jigsaw-coco": ("jigsaw",),
}
"""Task source to its families, where they are not those of frozen-lake maps."""


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name in SOURCES.names() for family in FAMILIES_OF.get(name, FAMILIES)]
)
def test_task_sources(name: str, family: str, tmp_path: Path) -> None:
    check_task_source(load_tasks(SPECS[name](tmp_path, family), family), family)


def saved(folder: Path, episodes: list[Trajectory]) -> Path:
    with Store(folder / "episodes.jsonl") as store:
        for trajectory in episodes:
            store.append(trajectory)
    return store.path


def vllm_agent() -> Agent:
    """An engine that says the same few words, whatever it is asked."""
    from adagym.agents.vllm import VLLMAgent
    from adagym.policies.sampler import SamplerConfig
    from adagym.policies.tiny import BASE
    from adagym.policies.vllm import Coder, Request, Sampled, VLLMConfig

    class Parrot:
        coder, config = Coder.from_folder(BASE), VLLMConfig()
        asked: ClassVar[list[Request]] = []

        def submit(self, request: Request) -> None:
            self.asked.append(request)

        def step(self) -> list[Sampled]:
            ids = tuple(self.coder.encoder.text("<think></think>").tolist())
            asked, self.asked[:] = list(self.asked), []
            return [Sampled(request.key, ids, (0.0,) * len(ids)) for request in asked]

        def abort(self, key: str) -> None:
            self.asked[:] = [request for request in self.asked if request.key != key]

    return VLLMAgent(Parrot(), SamplerConfig(max_tokens=4096))


AGENT_MAKERS: dict[str, Callable[[Path, list[Trajectory]], Agent]] = {
    "random": lambda folder, episodes: make_agent("random"),
    "expert": lambda folder, episodes: make_agent("expert"),
    "human": lambda folder, episodes: HumanAgent(input_fn=lambda prompt: "R,R,D"),
    "replay": lambda folder, episodes: make_agent(f"replay:{saved(folder, episodes)}"),
    "tiny": lambda folder, episodes: make_agent("tiny"),
    # The embedded model is one of transformers' image-text models.
    "hf": lambda folder, episodes: make_agent(f"hf:{importlib.import_module('adagym.policies.tiny').BASE}"),
    "vllm": lambda folder, episodes: vllm_agent(),
}
"""How each agent is made for the contract kit."""


@pytest.mark.parametrize("name", AGENTS.names())
def test_agents(name: str, tmp_path: Path, expert_episodes: list[Trajectory]) -> None:
    agent = AGENT_MAKERS[name](tmp_path, expert_episodes)
    assert isinstance(agent, AGENTS.load(name))
    assert agent.name == name
    check_agent(agent)


@pytest.mark.parametrize("name", COMMANDS.names())
def test_commands(name: str) -> None:
    command = COMMANDS.load(name)
    assert is_dataclass(command)
    assert f"Example: adagym {name}" in (inspect.getdoc(command) or "")
    assert callable(command.run)
