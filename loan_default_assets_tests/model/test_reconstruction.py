import pytest
import torch
import torch.nn.functional as F

from loan_default_assets.model.encoding import EncodedRows, Encoding
from loan_default_assets.model.reconstruction import CellDecoder
from loan_default_assets_tests.model.examples import CARDINALITIES, encoded, loans, tiny


def decoder_of(bins: int) -> tuple[CellDecoder, Encoding, EncodedRows]:
    rows, config = loans(400), tiny(bins=bins)
    encoding = encoded(rows, config)
    torch.manual_seed(0)
    return CellDecoder(encoding, config), encoding, encoding.transform(rows.numerical, rows.categorical)


@pytest.mark.parametrize("bins", [0, 8])
def test_a_class_is_a_bin_or_missing_or_a_code(bins: int) -> None:
    decoder, encoding, data = decoder_of(bins)
    classes = decoder.classes(data)
    assert torch.equal(classes[:, 3:], data.categorical)
    missing = data.numerical.isnan()
    last = (bins or 16) if bins else 16
    assert (classes[:, :3][missing] == last).all()
    assert (classes[:, :3][~missing] < last).all()
    for column in range(3):
        values, found = data.numerical[:, column], classes[:, column]
        # Classes rise with the values, and there are several.
        order = values.argsort()[: int((~missing[:, column]).sum())]
        assert (found[order].diff() >= 0).all()
        assert len(found.unique()) > 2
        if bins:
            for value, label in zip(values[order], found[order], strict=True):
                inside = torch.from_numpy(encoding.edges[column])[label : label + 2]
                assert inside[0] <= value <= inside[1]


@pytest.mark.parametrize("bins", [0, 8])
def test_the_loss_is_that_of_each_altered_cell_by_its_own_column(bins: int) -> None:
    decoder, _, data = decoder_of(bins)
    rows = data.take(torch.arange(6))
    contextual = torch.randn(12, 5, 8)
    altered = torch.rand(12, 5) < 0.4
    sizes = [(bins or 16) + 1] * 3 + list(CARDINALITIES)
    classes = decoder.classes(rows).repeat(2, 1)
    losses = [
        F.cross_entropy(
            contextual[row, column] @ decoder.weight[column, :, : sizes[column]]
            + decoder.bias[column, 0, : sizes[column]],
            classes[row, column],
        )
        for row, column in altered.nonzero().tolist()
    ]
    found = decoder(contextual, altered, rows)
    torch.testing.assert_close(found, torch.stack(losses).mean())
    # A cell that was not altered does not count.
    torch.testing.assert_close(decoder(contextual.where(altered[..., None], 7.0), altered, rows), found)


def test_without_an_altered_cell_the_loss_is_zero_and_has_gradients() -> None:
    decoder, _, data = decoder_of(8)
    loss = decoder(torch.randn(800, 5, 8), torch.zeros(800, 5, dtype=torch.bool), data)
    loss.backward()
    assert loss == 0
    assert decoder.weight.grad is not None
    assert not decoder.weight.grad.any()
