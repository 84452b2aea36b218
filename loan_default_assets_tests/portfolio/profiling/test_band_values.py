"""Bands are seen in the ways they are written, and nothing else is taken for one."""

import pytest

from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.ingest.cell_parsing import parse_cell
from loan_default_assets.portfolio.profiling.band_values import ordered_bands, with_neighbours
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.column_roles import role_of


@pytest.mark.parametrize(
    "bands",
    [
        {"690-694": 692.0, "695-699": 697.0, "700-704": 702.0},
        {"18-25": 21.5, "26-35": 30.5, "36-45": 40.5, "60+": 60.0},
        {"< 600": 600.0, "600-629": 614.5, "630-659": 644.5, "700+": 700.0},
        {"Less than $25,000": 25000.0, "$25,000 - $49,999": 37499.5, "$50,000 - $74,999": 62499.5},
        {"$1-24,999": 12500.0, "$25,000-49,999": 37499.5, "$100,000+": 100000.0},
        {"< 1 year": 1.0, "1-3 years": 2.0, "3-5 years": 4.0, "10+ years": 10.0},
        {"0-1 yrs": 0.5, "1-3 yrs": 2.0, "10+ yrs": 10.0},
        {"... < 100 DM": 100.0, "100 <= ... < 500 DM": 300.0, "... >= 1000 DM": 1000.0},
        {"3천만원 미만": 3.0, "3천만원~4천만원": 3.5, "9천만원 이상": 9.0},
        {"under 20%": 20.0, "20 to 40%": 30.0, "40% to 60%": 50.0},
        {"0,5-1,5": 1.0, "1,5-2,5": 2.0, "2,5-3,5": 3.0},
    ],
)
def test_bands_have_their_order_and_their_middle(bands: dict[str, float]) -> None:
    assert ordered_bands(sorted(bands)) == bands
    assert list(ordered_bands(sorted(bands)) or ()) == list(bands)


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b", "c"],
        ["1", "2", "3"],
        ["10-20", "15-30", "30-40"],
        ["10-20", "20-30"],
        ["A11", "A12", "A13"],
        ["555-1234", "555-2345", "555-3456"],
        ["2024-01", "2024-02", "2024-03"],
        ["< 1 year", "5 years", "10+ years"],
        ["10-20", "20-30", "30-40", "other"],
        ["500k-1m", "1m-2m", "2m-3m"],
        ["Type 3", "Type 4", "Type 5"],
        ["v1.2-3", "v1.3-4", "v1.4-5"],
    ],
)
def test_other_texts_are_no_bands(values: list[str]) -> None:
    assert ordered_bands(values) is None


def banded(values: list[str]) -> ColumnRole:
    profile = ColumnProfile(rows=40 * len(values))
    profile.counts.update(dict.fromkeys(values, 40))
    return role_of("band", "band", profile, dated=False)


def test_a_category_of_bands_is_said_to_have_an_order_and_how_to_give_it() -> None:
    role = banded(["26-35", "36-45", "18-25"])
    assert (role.kind, role.keys["values"]) == ("category", ["18-25", "26-35", "36-45"])
    [remark] = role.remarks
    assert remark.startswith("could also be numbers")
    assert 'kind: number and replace: {"18-25": 21.5, "26-35": 30.5, "36-45": 40.5}' in remark


def test_many_bands_are_numbers_with_the_bands_that_later_loans_may_have() -> None:
    role = banded([f"{low}-{low + 4}" for low in range(560, 845, 5) if low != 600])
    assert role.kind == "number"
    column = Column(kind=role.kind, **role.keys)
    for text, number in {"560-564": 562, "600-604": 602, "845-849": 847, "510-514": 512}.items():
        assert parse_cell(column, text) == number
    assert "56 bands in order, 560-564 to 840-844" in role.remarks[0]


@pytest.mark.parametrize(
    "bands",
    [
        {"< 600": 600.0, "600-649": 624.5, "650-699": 674.5},
        {"0-9": 4.5, "10-29": 19.5, "30-39": 34.5},
        {"00-04": 2.0, "05-09": 7.0, "10-14": 12.0},
        {"0-4": 2.0, "5-9": 7.0, "12-16": 14.0},
    ],
)
def test_bands_of_several_widths_have_no_neighbours(bands: dict[str, float]) -> None:
    assert with_neighbours(bands) == bands
