import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.dropout import Noise, dropout
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.network import Classifier, TabTransformer, Tokenizer
from loan_default_assets_tests.model.examples import encoded, loans, tiny


def network(config: ModelConfig, **columns: int) -> tuple[TabTransformer, EncodedRows]:
    rows = loans(60, **columns)
    encoding = encoded(rows, config)
    torch.manual_seed(0)
    made = TabTransformer(encoding, config)
    with torch.no_grad():
        made.tokenizer.missing.normal_()
        made.tokenizer.table.normal_()
    return made, encoding.transform(rows.numerical, rows.categorical)


@pytest.mark.parametrize("bins", [0, 5])
def test_tokenizer_equals_a_loop_over_columns(bins: int) -> None:
    made, rows = network(tiny(bins=bins))
    tokens = made.tokenizer
    for i, found in enumerate(tokens(rows)):
        expected = []
        for j, value in enumerate(rows.numerical[i]):
            token = tokens.bias[j] + tokens.weight[j] * value.nan_to_num(0.0)
            if value.isnan():
                token = tokens.bias[j] + tokens.missing[j]
            elif tokens.bins is not None:
                low, high = tokens.edges[j, :-1], tokens.edges[j, 1:]
                token = token + ((value - low) / (high - low).clamp_min(1e-6)).clamp(0, 1) @ tokens.bins[j]
            expected.append(token)
        for j, code in enumerate(rows.categorical[i]):
            expected.append(tokens.column[j] + tokens.table[tokens.offset[j] + code])
        torch.testing.assert_close(found, torch.stack(expected))


@pytest.mark.parametrize(("numerical", "categorical"), [(0, 2), (3, 0), (3, 2)])
@pytest.mark.parametrize("batch", [0, 1, 5])
def test_shapes(numerical: int, categorical: int, batch: int) -> None:
    made, rows = network(tiny(), numerical=numerical, categorical=categorical)
    assert made.width == 8 + 4 * (numerical + categorical)
    assert made(rows.take(torch.arange(batch))).shape == (batch, made.width)
    mean_alone, rows = network(tiny(token_width=0), numerical=numerical, categorical=categorical)
    assert mean_alone(rows.take(torch.arange(batch))).shape == (batch, 8)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_stack_equals_torchs_with_its_final_norm(activation: str) -> None:
    config = tiny(activation=activation, token_width=0)
    made, _ = network(config)
    function = F.relu if activation == "relu" else F.gelu
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, function, batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(std=0.5)
        for ours, copy in zip(made.layers, theirs.layers, strict=True):
            copy.self_attn.in_proj_weight.copy_(ours.qkv.weight)
            copy.self_attn.in_proj_bias.copy_(ours.qkv.bias)
            copy.self_attn.out_proj.load_state_dict(ours.out.state_dict())
            for name in ("linear1", "linear2", "norm1", "norm2"):
                getattr(copy, name).load_state_dict(getattr(ours, name).state_dict())
        theirs.norm.load_state_dict(made.norm.state_dict())
    tokens = torch.randn(4, 5, 8)
    torch.testing.assert_close(made.pool(tokens), theirs(tokens).mean(1), atol=1e-5, rtol=1e-5)


def test_hidden_cells_are_learned_vectors_whatever_their_value() -> None:
    made, rows = network(tiny())
    tokens: Tokenizer = made.tokenizer
    hidden = torch.rand(2, len(rows), 5) < 0.5
    clean = tokens(rows)
    views = tokens.hide(clean, hidden).view(2, len(rows), 5, 8)
    masks = torch.cat([tokens.mask_num, tokens.mask_cat])
    assert torch.equal(views[hidden], masks.expand(2, len(rows), 5, 8)[hidden])
    assert torch.equal(views[~hidden], clean.expand(2, -1, -1, -1)[~hidden])


def test_unknown_and_missing_cells_have_the_vector_of_their_column() -> None:
    rows = loans(60)
    encoding = encoded(rows, tiny())
    tokens = Tokenizer(encoding, tiny())
    unknown = EncodedRows(torch.full((1, 3), torch.nan), torch.tensor([[0, 1]]))
    assert torch.equal(tokens(unknown)[0], torch.cat([tokens.bias, tokens.column]))


def test_permuted_rows_give_permuted_scores() -> None:
    rows = loans(50)
    encoding = encoded(rows, tiny())
    model = Classifier(encoding, tiny())
    order = torch.randperm(50)
    data = encoding.transform(rows.numerical, rows.categorical)
    torch.testing.assert_close(model(data.take(order)), model(data)[order])


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_dropout_keeps_its_share_and_the_mean(p: float) -> None:
    ones = torch.ones(400, 25, 25)
    found = dropout(ones, p, Noise(1))
    share = (found > 0).double().mean().item()
    assert abs(share - (1 - p)) < 4 * np.sqrt(p * (1 - p) / ones.numel()) + 1 / 512
    assert found.max().item() == pytest.approx(1 / share, rel=0.02)
    assert found.unique().numel() == 2


def test_dropout_repeats_with_its_seed_and_does_nothing_without_noise() -> None:
    x = torch.randn(7, 3)
    one, two = Noise(5), Noise(5)
    first: list[Tensor] = [dropout(x, 0.4, one) for _ in range(3)]
    assert all(torch.equal(a, dropout(x, 0.4, two)) for a in first)
    assert not torch.equal(first[0], first[1])
    assert dropout(x, 0.4, None) is x
    assert dropout(x, 0.0, one) is x


def test_the_head_reads_the_mean_and_each_token_through_its_own_map() -> None:
    made, rows = network(tiny(token_width=3))
    tokens = made.tokenizer(rows)
    assert made.narrow is not None
    expected = tokens
    for layer in made.layers:
        expected = layer(expected, None)
    expected = made.norm(expected)
    parts = [expected.mean(1), *(expected[:, i] @ made.narrow[i] for i in range(5))]
    torch.testing.assert_close(made.pool(tokens), torch.cat(parts, 1))
