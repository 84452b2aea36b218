import math

import pytest
import torch
from torch import Tensor

from loan_default_assets.model.contrastive import nt_xent, two_views
from loan_default_assets.model.network import Tokenizer
from loan_default_assets_tests.model.examples import encoded, loans, tiny

T = torch.arange(32, dtype=torch.float64)


@pytest.mark.parametrize(
    ("a", "b", "loss"),
    [
        (torch.sin(T).view(4, 8), torch.cos(0.7 * T).view(4, 8), 1.9268474523540),
        (torch.eye(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64), math.log(math.e**2 + 6) - 2),
        (torch.ones(32, 8, dtype=torch.float64), torch.ones(32, 8, dtype=torch.float64), math.log(63)),
    ],
    ids=["waves", "apart", "collapsed"],
)
def test_nt_xent_counts_the_partner_once(a: Tensor, b: Tensor, loss: float) -> None:
    assert nt_xent(a, b, 0.5).item() == pytest.approx(loss, abs=1e-12)


def test_nt_xent_equals_its_definition() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 5, dtype=torch.float64)
    z = torch.cat([a, b])
    losses = []
    for i in range(12):
        near = [torch.cosine_similarity(z[i], z[k], dim=0) / 0.2 for k in range(12)]
        others = torch.stack([near[k] for k in range(12) if k != i])
        losses.append(others.logsumexp(0) - near[(i + 6) % 12])
    assert nt_xent(a, b, 0.2).item() == pytest.approx(torch.stack(losses).mean().item(), abs=1e-12)


@pytest.mark.parametrize("view", ["mask", "scarf"])
def test_two_views_differ_from_the_loans_in_the_altered_cells_only(view: str) -> None:
    rows, config = loans(40), tiny(view=view)
    encoding = encoded(rows, config)
    data = encoding.transform(rows.numerical, rows.categorical)
    tokenizer, ten = Tokenizer(encoding, config), data.take(torch.arange(10))
    views = two_views(tokenizer, ten, data, config, torch.Generator().manual_seed(0))
    plain = tokenizer(ten).repeat(2, 1, 1)
    assert views.tokens.shape == plain.shape
    differs = (views.tokens != plain).any(dim=2)
    assert not (differs & ~views.altered).any()
    assert differs.any()
    assert not torch.equal(views.altered[:10], views.altered[10:])
    if view == "mask":
        assert torch.equal(differs, views.altered)
    else:
        assert not views.altered[:10].any()
