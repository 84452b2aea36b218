"""Key `documentation` of a portfolio: statements that no table records, which the dossier prints with their source."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

Topic = Literal[
    "provider",
    "owner",
    "contact",
    "intended_use",
    "affected_persons",
    "interfaces",
    "software",
    "hardware",
    "user_interface",
    "instructions",
    "design_rationale",
    "data_provenance",
    "data_protection",
    "limitations",
    "metric_choice",
    "human_oversight",
    "overrides",
    "explanation_process",
    "security",
    "risk_management",
    "risk_rating",
    "governance",
    "independent_validation",
    "approval",
    "planned_changes",
    "monitoring_plan",
    "review_date",
    "third_parties",
    "standards",
    "conformity",
]


def _text(value: Any) -> Any:
    """YAML reads 2027-01-31 as a date and 3 as a number; here they are texts."""
    return value if isinstance(value, bool | list | dict | None) else str(value).strip()


Documentation = dict[Topic, Annotated[str, Field(min_length=1, max_length=4000), BeforeValidator(_text)]]
