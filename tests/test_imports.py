"""What an import costs: seen from a fresh interpreter, because this one has everything loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "cv2",
    "jax",
    "matplotlib",
    "pandas",
    "pygame",
    "tensorboard",
    "textual",
    "torch",
    "torchvision",
    "transformers",
}
BARE = {"agents", "algos", "envs", "evals", "integrations", "policies", "rewards", "tools"}


def modules_after(code: str, folder: Path) -> set[str]:
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {name for name in done.stderr.split() if "." not in name}


@pytest.mark.parametrize(
    "code",
    [
        "import adagym",
        "import adagym.protocol",
        "import adagym.tools",
        "import adagym.rewards",
        "import adagym.envs",
        "import adagym.agents",
        "import adagym.evals",
        "import adagym.cli",
        "from adagym.cli import main; main(['list'])",
        "import gymnasium, adagym.envs; gymnasium.spec('adagym/VSPNavigation-v0')",
    ],
)
def test_imports_are_light(code: str, tmp_path: Path) -> None:
    loaded = modules_after(code, tmp_path)
    assert "adagym" in loaded
    assert not loaded & HEAVY
    assert not loaded & BARE
