"""Features of a numeric observation for policies of Stable-Baselines3: a small convolution beside the state."""

from __future__ import annotations

import gymnasium as gym

from adagym.errors import UsageError, require

require("stable_baselines3", "sb3")

import torch  # noqa: E402  (Stable-Baselines3 brings it; after the check that names the pip line)
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor  # noqa: E402  (the same)
from torch import nn  # noqa: E402  (the same)

_CELLS = 4
"""The picture ends as so many by so many cells, whatever its size."""


class PictureAndState(BaseFeaturesExtractor):
    """Features of ``{"image", "state"}`` as :class:`adagym.envs.wrappers.numeric.NumericObservation` gives them.

    A tenth of the work of Stable-Baselines3's own convolution at 64 pixels, and for pictures of any size from 4 on.
    Give it to a ``MultiInputPolicy`` as ``policy_kwargs={"features_extractor_class": PictureAndState}``.

    Args:
        observation_space: ``Dict`` of ``image``, ``(3, height, width)`` ``uint8``, and ``state``, ``(k,)``.
        picture_features: Numbers that stand for the picture.

    Raises:
        UsageError: The space is another one.
    """

    def __init__(self, observation_space: gym.spaces.Dict, picture_features: int = 64) -> None:
        if not isinstance(observation_space, gym.spaces.Dict) or set(observation_space.keys()) != {"image", "state"}:
            raise UsageError(
                f"PictureAndState reads a Dict of `image` and `state`, not {observation_space}. Make the environment "
                "with adagym.envs.wrappers.numeric.numeric_env, with a size and flat=False."
            )
        image, state = (observation_space[name].shape or () for name in ("image", "state"))
        super().__init__(observation_space, picture_features + state[0])
        self.picture = nn.Sequential(
            nn.Conv2d(image[0], 16, 4, stride=4),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(_CELLS),
            nn.Flatten(),
            nn.Linear(32 * _CELLS**2, picture_features),
            nn.ReLU(),
        )

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Join the picture's features and the state.

        Args:
            observations: ``image`` ``(batch, 3, height, width)`` in [0, 1], ``state`` ``(batch, k)``.

        Returns:
            ``(batch, picture_features + k)``.
        """
        return torch.cat([self.picture(observations["image"]), observations["state"]], dim=1)
