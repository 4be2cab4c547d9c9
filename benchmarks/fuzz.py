"""Coverage-guided fuzzing of the parser and of every tool's arguments.

With atheris (``pip install atheris``, not an extra of adagym: it has wheels for few Pythons) inputs that reach new
branches are kept and changed further. Without it the inputs are random, which finds less. Each target is a process of
its own; what breaks it is written to the folder and printed, and the exit code is 1.

Example: python benchmarks/fuzz.py --runs 100000 --json runs/fuzz.json
"""

# adagym is imported where it is used: atheris must be told before, or it sees no branch of it.

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tyro

MAX_BYTES = 600
"""Longest input."""


@dataclass(frozen=True)
class Options:
    """Fuzz the parser and the tools."""

    runs: int = 2_000
    """Inputs per target."""
    targets: str = ""
    """`parser` and `tool:NAME`, joined by commas. Default: all."""
    seed: int = 0
    """Seeds the inputs."""
    out: Path | None = None
    """Folder for the inputs kept and for those that break a target, to go on from. Default: a temporary one."""
    json: Path | None = None
    """Write the figures to this file."""
    alone: bool = False
    """Fuzz one target in this process (used by the script itself)."""


def fuzz_here(options: Options) -> None:
    """Fuzz one target; ends the process."""
    folder = Path(options.out or ".") / options.targets.replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    if not find_spec("atheris"):
        return _fuzz_blindly(options)
    import atheris

    with atheris.instrument_imports(include=["adagym.protocol", "adagym.tools", "fuzz_targets"]):
        import fuzz_targets

        function = fuzz_targets.target(options.targets)
    for number, data in enumerate(fuzz_targets.seeds(options.targets)):
        (folder / f"seed-{number}").write_bytes(data)
    words = folder.with_suffix(".dict")
    escaped = [token.replace("\\", "\\\\").replace('"', '\\"') for token in fuzz_targets.TOKENS]
    words.write_text("".join(f'"{token}"\n' for token in escaped), encoding="utf-8")
    flags = [f"-runs={options.runs}", f"-seed={options.seed + 1}", f"-dict={words}", f"-max_len={MAX_BYTES}"]
    flags += [f"-artifact_prefix={folder}-broken-", "-timeout=60", "-rss_limit_mb=2000", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, str(folder)], function)
    atheris.Fuzz()


def _fuzz_blindly(options: Options) -> None:
    import fuzz_targets
    import numpy as np

    rng = np.random.default_rng(options.seed)
    function, seeds = fuzz_targets.target(options.targets), fuzz_targets.seeds(options.targets)
    for _ in range(options.runs):
        data = bytearray(seeds[int(rng.integers(len(seeds)))])
        for _ in range(int(rng.integers(1, 12))):
            at = int(rng.integers(len(data) + 1))
            data[at : at + int(rng.integers(3))] = rng.bytes(int(rng.integers(4)))
        try:
            function(bytes(data))
        except Exception:  # the very thing that is looked for
            print(f"The input that breaks {options.targets}: {bytes(data)!r}", file=sys.stderr)
            raise


def fuzz(name: str, options: Options, out: Path) -> dict[str, Any]:
    """Fuzz a target in a process of its own; return what it found."""
    arguments = ["--alone", "--targets", name, "--runs", str(options.runs), "--seed", str(options.seed)]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, *arguments, "--out", str(out)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        print(
            f"{name} broke (exit code {done.returncode}):\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}",
            file=sys.stderr,
        )
    branches = re.findall(r"cov: (\d+)", done.stderr)
    return {
        "broken": int(done.returncode != 0),
        "seconds": time.perf_counter() - began,
        **({"branches_first": int(branches[0]), "branches": int(branches[-1])} if branches else {}),
    }


def main(options: Options) -> None:
    """Fuzz all targets, print and write the figures."""
    if options.alone:
        return fuzz_here(options)
    from fuzz_targets import targets

    from adagym.evals.figures import publish

    started = time.perf_counter()
    names = options.targets.split(",") if options.targets else targets()
    figures: dict[str, Any] = {
        "guided": int(find_spec("atheris") is not None),
        "runs_per_target": options.runs,
        "broken": 0,
    }
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            found = fuzz(name, options, (options.out or Path(temporary)).resolve())
            figures["broken"] += found.pop("broken")
            figures |= {f"{name.removeprefix('tool:')}_{key}": value for key, value in found.items()}
    publish(
        "Fuzzing",
        figures,
        seed=options.seed,
        seconds=time.perf_counter() - started,
        path=options.json,
        packages=("atheris",),
    )
    if figures["broken"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
