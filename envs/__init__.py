"""Environments: one Gymnasium env per task family. Importing this registers their ids and loads none of them."""

from __future__ import annotations

import warnings

import gymnasium as gym

from adagym.registry import Registry

ENVS: Registry[type[gym.Env[object, str]]] = Registry("env")


def _register(name: str, target: str, summary: str) -> None:
    ENVS.register(name, target, summary=summary)
    _tell_gymnasium(name, target)


def _tell_gymnasium(name: str, target: str) -> None:
    if name not in gym.registry:  # a reload of this module must not warn
        gym.register(id=name, entry_point=target)


_register(
    "adagym/VSPNavigation-v0",
    "adagym.envs.vsp_navigation:VSPNavigation",
    "plan a shortest safe path on an ice map",
)
_register(
    "adagym/VSPVerification-v0",
    "adagym.envs.vsp_verification:VSPVerification",
    "tell whether a given plan is safe on an ice map",
)
_register("adagym/GUIQA-v0", "adagym.envs.gui_qa:GUIQA", "answer questions about screenshots")
_register(
    "adagym/Jigsaw-v0",
    "adagym.envs.jigsaw:Jigsaw",
    "tell which picture is the part that is missing in another one",
)
_register(
    "adagym/VStar-v0",
    "adagym.envs.vstar:VStar",
    "answer a question about a small object in a picture of up to 8K",
)
_register("adagym/VideoQA-v0", "adagym.envs.video_qa:VideoQA", "answer a question about a video")
_register("adagym/ImageQA-v0", "adagym.envs.image_qa:ImageQA", "answer a question about one or several pictures")


def _tell_of_packages() -> None:
    """Tell Gymnasium of the environments of installed packages; one with an unusable id must not break the import."""
    for entry in ENVS:
        try:
            _tell_gymnasium(entry.name, entry.target)
        except gym.error.Error as error:
            warnings.warn(f"The environment `{entry.name}` of an installed package is left out: {error}", stacklevel=2)


_tell_of_packages()

__all__ = ["ENVS"]
