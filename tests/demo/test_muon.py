"""The demo's optimizer: orthogonal updates, a one-cycle schedule, and a loss that falls."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from memguard.demo.muon import Muon, OneCycleOptimizer


@dataclass(frozen=True)
class Steps:
    steps: int = 60
    learning_rate: float = 0.2
    small_learning_rate: float = 0.02


@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (5, 12), (6, 2, 3, 3)])
def test_a_step_is_nearly_orthogonal(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(shape))
    weight.grad = torch.randn(shape, generator=generator)
    Muon([weight], lr=0.1).step()
    rows, columns = weight.flatten(1).shape
    scale = 0.1 * max(1, rows / columns) ** 0.5
    singular = torch.linalg.svdvals(weight.detach().flatten(1)) / scale
    assert singular.min() > 0.5
    assert singular.max() < 1.5


def test_a_weight_without_a_gradient_stays() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 3))
    Muon([weight], lr=0.1).step()
    assert torch.equal(weight, torch.ones(3, 3))


def test_the_loss_falls_and_the_last_steps_are_small() -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torch.nn.Linear(6, 4)
    inputs = torch.randn(32, 6, generator=generator)
    targets = inputs @ torch.randn(6, 4, generator=generator)
    optimizer = OneCycleOptimizer(model, [model.weight], [model.bias], Steps())
    losses, moves = [], []
    for _ in range(Steps.steps):
        before = model.weight.detach().clone()
        loss = torch.nn.functional.mse_loss(model(inputs), targets)
        optimizer.step(loss)
        losses.append(loss.item())
        moves.append((model.weight.detach() - before).norm().item())
    assert losses[-1] < 0.1 * losses[0]
    assert moves[-1] < 0.1 * max(moves)
    assert model.weight.grad is None, "gradients do not add up over steps"
