"""Where tasks come from: generators and benchmark files, all as lazy sequences."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from adagym.errors import UnknownName, UsageError
from adagym.registry import Registry
from adagym.types import Task

SourceFactory = Callable[..., Sequence[Task]]
"""``(family, [folder,] **options) -> Sequence[Task]``."""

SOURCES: Registry[SourceFactory] = Registry("source")
SOURCES.register(
    "vsp-generated", "adagym.envs.tasks.vsp_generated:VSPGenerated", summary="frozen-lake maps drawn from a seed"
)
SOURCES.register(
    "vsp", "adagym.envs.tasks.vsp_folder:VSPFolder", summary="vsp:DIR, the Visual-Spatial-Planning benchmark's folders"
)
SOURCES.register("vspo", "adagym.envs.tasks.vspo:VSPO", summary="vspo:DIR, AdaReasoner's VSPO (parquet)")
SOURCES.register(
    "gui", "adagym.envs.tasks.gui.source:GUIQuestions", summary="gui[:DIR], questions about adagym's or built screens"
)
SOURCES.register("guichat", "adagym.envs.tasks.gui_files:GUIChat", summary="guichat:DIR, GUIChat in either form")
SOURCES.register("webmmu", "adagym.envs.tasks.gui_files:WebMMU", summary="webmmu:DIR, WebMMU's web_qa (parquet)")
SOURCES.register(
    "jigsaw",
    "adagym.envs.tasks.jigsaw:Jigsaw",
    summary="jigsaw[:DIR], puzzles cut from adagym's or a folder's photos",
)
SOURCES.register(
    "jigsaw-coco", "adagym.envs.tasks.jigsaw_files:JigsawCoco", summary="jigsaw-coco:DIR, AdaEval-Jigsaw-COCO (parquet)"
)
SOURCES.register(
    "blink-jigsaw", "adagym.envs.tasks.jigsaw_files:BlinkJigsaw", summary="blink-jigsaw:DIR, BLINK's Jigsaw (parquet)"
)
SOURCES.register(
    "vstar",
    "adagym.envs.tasks.vstar:VStarGenerated",
    summary="vstar[:DIR], small objects on adagym's or a folder's photos",
)
SOURCES.register(
    "vstar-bench",
    "adagym.envs.tasks.vstar_bench:VStarBench",
    summary="vstar-bench:DIR, V* bench (folders, JSON lines, parquet)",
)
SOURCES.register("hr-bench", "adagym.envs.tasks.hr_bench:HRBench", summary="hr-bench:DIR, HR-Bench 4K and 8K (parquet)")
SOURCES.register(
    "images", "adagym.envs.tasks.images:ManyImages", summary="images[:DIR], questions over several generated scenes"
)
SOURCES.register(
    "video", "adagym.envs.tasks.video:VideoGenerated", summary="drawn videos in which objects come, move and go"
)
SOURCES.register(
    "video-clips",
    "adagym.envs.tasks.video_clips:VideoClips",
    summary="video-clips[:DIR], what follows from any video files, to try out reading",
)
SOURCES.register(
    "adatooler",
    "adagym.envs.tasks.adatooler:AdaTooler",
    summary="adatooler:FILE, AdaTooler-V's data for training and evaluation (JSON, parquet)",
)
SOURCES.register(
    "short", "adagym.envs.tasks.short:Short", summary="short:DIR, tasks that `adagym build short` found short enough"
)
SOURCES.register(
    "mvbench", "adagym.envs.tasks.mvbench:MVBench", summary="mvbench:DIR, MVBench's 20 tasks (JSON, Parquet; videos)"
)
SOURCES.register(
    "video-mme", "adagym.envs.tasks.video_mme:VideoMME", summary="video-mme:DIR, Video-MME (Parquet, JSON; videos)"
)
SOURCES.register(
    "video-mmmu", "adagym.envs.tasks.video_mmmu:VideoMMMU", summary="video-mmmu:DIR, Video-MMMU (Parquet; videos)"
)
SOURCES.register(
    "vsi-bench",
    "adagym.envs.tasks.vsi_bench:VSIBench",
    summary="vsi-bench:DIR, VSI-Bench (Parquet, JSON lines; videos)",
)
SOURCES.register(
    "longvideo-reason",
    "adagym.envs.tasks.longvideo_reason:LongVideoReason",
    summary="longvideo-reason:DIR, LongVideo-Reason (JSON lines, Parquet; videos)",
)
SOURCES.register(
    "perception-test",
    "adagym.envs.tasks.perception_test:PerceptionTest",
    summary="perception-test:DIR, Perception Test's questions with options (JSON, Parquet; videos)",
)
SOURCES.register(
    "video-holmes",
    "adagym.envs.tasks.video_holmes:VideoHolmes",
    summary="video-holmes:DIR, Video-Holmes (JSON; videos)",
)
SOURCES.register("infovqa", "adagym.envs.tasks.infovqa:InfoVQA", summary="infovqa:DIR, InfographicVQA (parquet)")
SOURCES.register("mathvista", "adagym.envs.tasks.mathvista:MathVista", summary="mathvista:DIR, MathVista (parquet)")
SOURCES.register("mmbench", "adagym.envs.tasks.mmbench:MMBench", summary="mmbench:DIR, MMBench with copies (tsv)")
SOURCES.register("mme", "adagym.envs.tasks.mme:MME", summary="mme:DIR, pairs of yes and no questions (parquet)")
SOURCES.register(
    "mmsi-bench", "adagym.envs.tasks.mmsi_bench:MMSIBench", summary="mmsi-bench:DIR, space over pictures (parquet)"
)
SOURCES.register("mmstar", "adagym.envs.tasks.mmstar:MMStar", summary="mmstar:DIR, MMStar (parquet)")
SOURCES.register(
    "spar-bench", "adagym.envs.tasks.spar_bench:SPARBench", summary="spar-bench:DIR, SPAR-Bench or Tiny (parquet)"
)
SOURCES.register(
    "scored", "adagym.envs.tasks.scored:Scored", summary="scored:DIR, tasks with the scores `adagym benefit` gave them"
)


def load_tasks(spec: str, family: str, **options: Any) -> Sequence[Task]:
    """Open a task source.

    Args:
        spec: ``NAME``, ``NAME:FOLDER``, ``NAME:key=value,key=value`` or ``NAME:FOLDER,key=value``; lists are written
            ``4-6-8``.
        family: The task family wanted.
        options: Further options, as Python values; they win over the spec's.

    Raises:
        UnknownName: There is no such source.
        UsageError: An option is unknown or unusable.
        DataError: A folder or file is.
    """
    name, _, rest = spec.partition(":")
    if name not in SOURCES and os.path.exists(spec):
        raise UnknownName(
            f"`{spec}` is a path; write the name of what reads it before it, for example vsp:{spec}. Registered: "
            f"{', '.join(SOURCES.names())}."
        )
    factory = SOURCES.load(name)
    parameters = inspect.signature(factory).parameters
    known = [key for key in parameters if key != "family"]
    arguments: dict[str, Any] = {}
    optional = "folder" in known and parameters["folder"].default is not inspect.Parameter.empty
    begins = re.match(r"(\w+)=|$", rest)
    without = optional and begins is not None and begins[1] in {None, *known}
    if "folder" in known and not without:
        # A folder's name may hold commas and equals signs, so it ends at an option that exists.
        ends = [found.start() for found in re.finditer(r",(?=(\w+)=)", rest) if found[1] in {*known} - {"folder"}]
        end = ends[0] if ends else len(rest)
        arguments["folder"], rest = rest[:end], rest[end + 1 :]
    for item in rest.split(",") if rest else ():
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"`{item}` in the task source `{spec}` is not of the form key=value.")
        arguments[key.strip()] = value.strip()
    arguments |= options
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        offered = ", ".join(key for key in known if key != "folder") or "none"
        raise UsageError(f"The task source `{name}` has no option {', '.join(map(repr, unknown))}; it has: {offered}.")
    return factory(family, **arguments)


__all__ = ["SOURCES", "SourceFactory", "load_tasks"]
