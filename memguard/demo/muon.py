"""The optimizer of the demo's model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
LEAST_NORM = 1e-7
"""The constants of Muon as published (Jordan et al. 2024)."""

LARGEST_GRADIENT_NORM = 1.0
"""Gradients with a larger norm are scaled down to it: keeps a high learning rate stable."""

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises; after them it falls to nothing."""


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024): each weight matrix is updated by a nearly orthogonal one.

    A step goes about equally far in every direction of a matrix, even where the gradient is
    small; with AdamW alone the copies stayed blurred. Written out because torch's own takes no
    convolutions, and timm's works in bfloat16, which is slow on a CPU.

    Args:
        parameters: weights of two or more dimensions; those of a convolution count as one
            matrix, with a row per output channel.
        lr: the learning rate.
        momentum: weight of the running mean of the gradients in each step.
    """

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float = MOMENTUM
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        """Update the weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(mean, group["momentum"]).flatten(1)
                rows, columns = ahead.shape
                move = _orthogonalized(ahead).view_as(weight)
                weight.sub_(move, alpha=group["lr"] * max(1, rows / columns) ** 0.5)


def _orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix with all its singular values brought near 1, by Newton-Schulz steps."""
    tall = matrix.shape[0] > matrix.shape[1]
    near: torch.Tensor = matrix.T if tall else matrix
    near = near / (near.norm() + LEAST_NORM)
    first, third, fifth = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = near @ near.T
        near = first * near + (third * square + fifth * square @ square) @ near
    return (near.T if tall else near).contiguous()


class Schedule(Protocol):
    """A number of steps and two learning rates; see :class:`memguard.demo.training.Recipe`."""

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def small_learning_rate(self) -> float: ...


class OneCycleOptimizer:
    """Muon for a model's large weights and AdamW for the small ones, both on a one-cycle schedule.

    Args:
        model: whose gradients are clipped.
        large: weights for :class:`Muon`, of two or more dimensions.
        small: all other weights.
        schedule: the number of steps, and the peaks of both learning rates.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        large: Iterable[torch.nn.Parameter],
        small: Iterable[torch.nn.Parameter],
        schedule: Schedule,
    ) -> None:
        self._model = model
        self._optimizers: tuple[torch.optim.Optimizer, ...] = (
            Muon(large, schedule.learning_rate),
            torch.optim.AdamW(small, schedule.small_learning_rate, weight_decay=0),
        )
        self._schedules = [
            torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                optimizer.defaults["lr"],
                total_steps=schedule.steps,
                pct_start=WARM_UP,
                cycle_momentum=False,
            )
            for optimizer in self._optimizers
        ]

    def step(self, loss: torch.Tensor) -> None:
        """Take one step down the gradient of this loss."""
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LARGEST_GRADIENT_NORM)
        for optimizer, rates in zip(self._optimizers, self._schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            rates.step()
