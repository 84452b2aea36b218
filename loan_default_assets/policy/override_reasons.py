"""Why an underwriter decides otherwise than the model: codes, since a free text could name an applicant."""

OVERRIDE_REASONS = (
    "income_verified",
    "collateral",
    "guarantor",
    "relationship",
    "policy_exception",
    "corrected_data",
    "adverse_information",
    "identity_in_doubt",
    "affordability",
    "other_documented",
)
