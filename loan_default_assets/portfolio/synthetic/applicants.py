"""Generated applicants: 25 columns with realistic correlations, and the risk of default that they imply."""

from typing import Any

import numpy as np

Columns = dict[str, np.ndarray]

# The values per category; applicants hold the index of their value, and effects below are in the same order.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "employment_type": (
        "permanent",
        "public_servant",
        "contract",
        "self_employed",
        "part_time",
        "retired",
        "unemployed",
    ),
    "income_category": ("low", "lower_middle", "middle", "upper_middle", "high"),
    "education_level": ("secondary", "vocational", "bachelor", "master", "doctorate"),
    "credit_score_category": ("poor", "fair", "good", "very_good", "excellent"),
    "payment_history": ("clean", "one_late", "several_late", "serious_delinquency", "no_history"),
    "loan_purpose": (
        "home_purchase",
        "home_improvement",
        "car",
        "education",
        "medical",
        "debt_consolidation",
        "business",
        "living_costs",
    ),
    "property_type": ("apartment", "house", "row_house", "farm", "rented"),
    "marital_status": ("single", "married", "divorced", "widowed"),
    "dependents": ("0", "1", "2", "3", "4+"),
    "region": ("capital", "north", "east", "south", "west", "islands"),
}
RETIRED, UNEMPLOYED, SINGLE, NO_HISTORY = 5, 6, 0, 4

# Interest rates before and after the drift, so far apart that a model can separate the two regimes by the rate.
BASE_RATE, DRIFTED_RATE = 3.2, 10.5
_TERMS = np.array([12, 24, 36, 48, 60, 84, 120, 180, 240])


def generate_applicants(rng: np.random.Generator, count: int, *, drifted: bool) -> tuple[Columns, np.ndarray]:
    """Generate applicants.

    Args:
        rng: Source of all randomness.
        count: Number of applicants.
        drifted: Raise the interest rate, and move the risk from the credit record to the burden of the loan.

    Returns:
        Arrays (count,) by column name, a category as its index in CATEGORIES; and the risk (count,).
    """
    thrift, strain = rng.normal(size=(2, count))
    applicant = _personal_columns(rng, thrift)
    record = _credit_columns(rng, thrift, strain, applicant)
    loan = _loan_columns(rng, applicant, record, DRIFTED_RATE if drifted else BASE_RATE)
    columns = applicant | record | loan
    return columns, _burden_risk(columns) if drifted else _record_risk(columns)


def _draw(rng: np.random.Generator, weights: Any) -> np.ndarray:
    """One index per row, drawn with `weights` (rows, values) of any scale."""
    edges = np.cumsum(weights, axis=1)
    return (rng.random((len(edges), 1)) * edges[:, -1:] >= edges).sum(axis=1)


def _effect(codes: np.ndarray, effects: tuple[float, ...]) -> np.ndarray:
    return np.array(effects)[codes]


def _personal_columns(rng: np.random.Generator, thrift: np.ndarray) -> Columns:
    count = len(thrift)
    ones = np.ones((count, 1))
    age = np.clip(np.round(20 + rng.gamma(3.4, 6.5, count)), 19, 84)
    education = _draw(rng, [0.3, 0.22, 0.33, 0.12, 0.03] * np.exp(np.outer(thrift, np.arange(5)) * 0.2))
    schooling = _effect(education, (0, 1, 3, 5, 8))
    job = np.array([0.5, 0.1, 0.14, 0.14, 0.07, 0.0, 0.05]) * ones
    job[:, RETIRED] = np.where(age > 64, 3.0, 0.0)
    job[:, UNEMPLOYED] *= np.exp(-0.4 * thrift)
    employment = _draw(rng, job)
    working = ~np.isin(employment, (RETIRED, UNEMPLOYED))
    years = np.clip(age - 19 - schooling, 0, 45) * rng.beta(5, 1.5, count)
    months = np.minimum(rng.exponential(70, count) * np.exp(0.25 * thrift), years * 12) * working
    level = _effect(employment, (0.1, 0.12, -0.12, 0.0, -0.5, -0.35, -0.9))
    career = 0.012 * np.minimum(age - 19, 30) + 0.06 * schooling
    income = np.exp(10.3 + level + career + 0.2 * thrift + rng.normal(0, 0.33, count))
    married = _draw(rng, np.stack([40 / age, age / 36, age / 250, np.exp((age - 80) / 9)], axis=1))
    family = np.where(married == SINGLE, 0.35, 1.3) * np.where(age > 60, 0.4, 1.0)
    return {
        "employment_type": employment,
        "income_category": np.digitize(income, (24_000, 36_000, 55_000, 90_000)),
        "education_level": education,
        "marital_status": married,
        "dependents": np.minimum(rng.poisson(family), 4),
        "region": _draw(rng, np.array([0.3, 0.16, 0.14, 0.2, 0.15, 0.05]) * ones),
        "property_type": _draw(
            rng, [0.34, 0.18, 0.1, 0.04, 0.34] * np.exp(np.outer(thrift, [0.1, 0.3, 0.1, 0, -0.2]))
        ),
        "annual_income": np.round(income, -2),
        "employment_length_years": np.where(rng.random(count) < 0.06, np.nan, np.round(years, 1)),
        "months_at_current_job": np.floor(months),
        "age": age,
    }


def _credit_columns(
    rng: np.random.Generator, thrift: np.ndarray, strain: np.ndarray, applicant: Columns
) -> Columns:
    count = len(thrift)
    score = np.clip(np.round(692 + 52 * thrift - 14 * strain + rng.normal(0, 34, count)), 300, 850)
    trouble = -0.55 * thrift + 0.35 * strain + rng.normal(0, 0.75, count)
    history = np.digitize(trouble, (0.35, 1.0, 1.7))
    history[rng.random(count) < np.where(applicant["age"] < 26, 0.3, 0.03)] = NO_HISTORY
    late = (history > 0) & (history < NO_HISTORY)
    since = np.clip(np.round(rng.gamma(2.0, 14, count) * np.exp(-0.25 * trouble)), 0, 120)
    utilization = 100 / (1 + np.exp(0.7 + 0.45 * thrift - 0.75 * strain + rng.normal(0, 0.5, count)))
    limit = applicant["annual_income"] * rng.uniform(0.12, 0.5, count)
    return {
        "credit_score": score,
        "credit_score_category": np.digitize(score, (580, 670, 740, 800)),
        "payment_history": history,
        "months_since_last_delinquency": np.where(late, since, np.nan),
        "num_credit_lines": 1.0 + rng.poisson(3.2 + 0.05 * np.minimum(applicant["age"] - 19, 30)),
        "num_credit_inquiries": rng.poisson(np.exp(-0.2 + 0.55 * strain)).astype(float),
        "revolving_balance": np.round(limit * utilization / 100),
        "revolving_utilization": np.round(utilization, 1),
    }


def _loan_columns(rng: np.random.Generator, applicant: Columns, record: Columns, base_rate: float) -> Columns:
    income = applicant["annual_income"]
    count = len(income)
    purpose = _draw(rng, np.array([0.14, 0.1, 0.17, 0.07, 0.06, 0.24, 0.08, 0.14]) * np.ones((count, 1)))
    share = _effect(purpose, (2.2, 0.5, 0.45, 0.3, 0.18, 0.4, 0.7, 0.15))
    amount = np.maximum(np.round(income * share * np.exp(rng.normal(-0.1, 0.45, count)), -2), 500)
    longest = _effect(purpose, (8, 6, 4.4, 5, 3.4, 4.4, 5.4, 3))
    term = _TERMS[np.clip(np.round(longest - rng.gamma(1.5, 0.9, count)), 0, 8).astype(int)].astype(float)
    spread = 0.011 * (850 - record["credit_score"]) + 0.002 * term + rng.normal(0, 0.35, count)
    rate = np.round(np.maximum(base_rate + spread, 0.5), 2)
    monthly = rate / 1200
    payment = amount * monthly / (1 - (1 + monthly) ** -term)
    debt = income * np.exp(rng.normal(-1.0, 0.8, count))
    return {
        "loan_purpose": purpose,
        "loan_amount": amount,
        "loan_term_months": term,
        "interest_rate": rate,
        "existing_debt": np.round(debt, -1),
        "debt_to_income_ratio": np.minimum(np.round(1200 * (payment + 0.013 * debt) / income, 1), 400.0),
    }


def _record_risk(c: Columns) -> np.ndarray:
    """Risk before the drift: the credit record first, then burden, job and the use of credit lines."""
    history = _effect(c["payment_history"], (-0.5, 0.3, 1.2, 2.0, 0.4))
    job = _effect(c["employment_type"], (-0.3, -0.5, 0.3, 0.2, 0.5, 0.0, 1.4))
    burden = np.log(np.maximum(c["debt_to_income_ratio"], 1) / 22)
    use = (c["revolving_utilization"] - 36) / 20
    risk = (692 - c["credit_score"]) / 55 + history + 1.0 * burden + 0.7 * use + 0.8 * job
    risk += 0.3 * (c["num_credit_inquiries"] - 1) - 0.25 * (np.log1p(c["months_at_current_job"]) - 3.0)
    return (risk + 0.3 * np.maximum(burden, 0) * np.maximum(use, 0)) / 2.4


def _burden_risk(c: Columns) -> np.ndarray:
    """Risk after the drift to higher rates: long and heavy loans fail, and a good credit record protects less."""
    burden = np.log(np.maximum(c["debt_to_income_ratio"], 1) / 22)
    term = np.log(c["loan_term_months"]) - 3.9
    return (0.6 * _record_risk(c) + 1.5 * burden + 2.2 * term) / 2.0
