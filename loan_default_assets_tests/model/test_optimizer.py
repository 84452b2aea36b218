import sys

import numpy as np
import pytest
import torch

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.optimizer import EagerAdamW
from loan_default_assets.model.training_loop import OptimizerStep

RATE, DECAY, BETAS, EPSILON = 0.1, 0.3, (0.9, 0.999), 1e-8


def test_a_training_does_not_import_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    for function in (torch.optim.Optimizer.add_param_group, torch.optim.Optimizer.zero_grad):
        # What torch keeps of the compiler after a first call.
        monkeypatch.delattr(function.__wrapped__, "__dynamo_disable", raising=False)
    layer = torch.nn.Linear(3, 1)
    step = OptimizerStep([layer], RATE, ModelConfig(schedule="one_cycle"), steps=50)
    losses = [step(layer(torch.ones(2, 3)).square().mean()) for _ in range(3)]
    assert losses[0] > losses[2]


def test_steps_are_those_of_the_formula_and_follow_new_gradients_only() -> None:
    """Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2."""
    start = np.array([[1.0, -2.0], [0.5, 4.0]])
    weight = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
    optimizer = EagerAdamW([weight], lr=RATE, weight_decay=DECAY, fused=True)
    expected, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for number in range(1, 6):
        optimizer.zero_grad()
        (weight.square() * number).sum().backward()
        optimizer.step()
        gradient = 2 * expected * number
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
        bias = [1 - beta**number for beta in BETAS]
        expected = expected * (1 - RATE * DECAY)
        expected -= RATE * (first / bias[0]) / (np.sqrt(second / bias[1]) + EPSILON)
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-5)
