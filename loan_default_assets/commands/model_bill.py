"""The bill of materials of a model: CycloneDX 1.6 with a model card, from registry, evaluation and artifact.

It is plain JSON, written without the library of CycloneDX, which stays out of the default installation; the tests
validate it against the schema. It names features and counts rows, and holds no value of an applicant.
"""

import json
import math
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loan_default_assets.model.artifact_files import digest_of
from loan_default_assets.warehouse.evaluations import EvaluationRecord
from loan_default_assets.warehouse.registry import ModelRecord

PREFIX = "loan-default:"
_MEMBERS = {"transformer": "transformer", "boosting": "gradient boosting", "additive": "additive model"}
_USE = "Probability that a loan defaults within the portfolio's horizon, for loans of this portfolio."
_LIMITATIONS = (
    "Outcomes are known for granted loans only; no evaluation covers applications that were declined.",
    "Monotone in no feature where a transformer is a member.",
)


def model_bill(
    record: ModelRecord,
    evaluation: EvaluationRecord | None,
    files: Mapping[str, bytes],
    *,
    portfolio: str,
    libraries: Mapping[str, str],
    written_at: datetime,
) -> dict[str, Any]:
    """The bill as JSON values; the same inputs give the same serial number, whenever it is written.

    Args:
        record: The model's row in the registry.
        evaluation: Its newest evaluation; None where it was never evaluated.
        files: Verified content of its artifact by file name.
        portfolio: Name of the portfolio.
        libraries: Version by package of what trains and scores here. An artifact does not record its own.
        written_at: Timestamp of the bill, with a time zone.
    """
    details = json.loads(files["model.json"])
    model, snapshot = f"model:{record.version}", f"snapshot:{record.snapshot_hash}"
    packages = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version.replace('+', '%2B')}",
        }
        for name, version in sorted(libraries.items())
    ]
    content = {
        "component": {
            "type": "machine-learning-model",
            "bom-ref": model,
            "name": f"{portfolio} {record.kind}",
            "version": record.version,
            "hashes": [_sha256(record.artifact_sha256)],
            "components": [
                {
                    "type": "file",
                    "bom-ref": f"{model}/{name}",
                    "name": name,
                    "hashes": [_sha256(digest_of(data))],
                }
                for name, data in sorted(files.items())
            ],
            "modelCard": _card(record, evaluation, details, snapshot),
            "properties": _properties(_facts(record, evaluation, details)),
        },
        "components": [_snapshot(record, snapshot), *packages],
        "dependencies": [
            {"ref": model, "dependsOn": [snapshot, *(package["bom-ref"] for package in packages)]}
        ],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))}",
        "version": 1,
        "metadata": {"timestamp": written_at.isoformat(), "component": content["component"]},
        "components": content["components"],
        "dependencies": content["dependencies"],
    }


def _card(
    record: ModelRecord, evaluation: EvaluationRecord | None, details: Mapping[str, Any], snapshot: str
) -> dict[str, Any]:
    names = details["feature_names"]
    parameters: dict[str, Any] = {
        "approach": {"type": "supervised" if record.kind == "classifier" else "self-supervised"},
        "task": "classification of loans: default or not" if record.kind == "classifier" else "pretraining",
        "architectureFamily": "ensemble" if len(details.get("members", [])) > 1 else "transformer",
        "modelArchitecture": _architecture(details),
        "datasets": [{"ref": snapshot}],
        "inputs": [
            {"format": f"numerical features: {', '.join(names['numbers']) or 'none'}"},
            {"format": f"categorical features: {', '.join(names['categories']) or 'none'}"},
        ],
    }
    if record.kind == "classifier":
        parameters["outputs"] = [{"format": "probability of default, from 0 to 1"}]
    card: dict[str, Any] = {"modelParameters": parameters}
    if evaluation:
        card["quantitativeAnalysis"] = {"performanceMetrics": _metrics(evaluation)}
    if record.kind == "classifier":
        card["considerations"] = {"useCases": [_USE], "technicalLimitations": list(_LIMITATIONS)}
    return card


def _architecture(details: Mapping[str, Any]) -> str:
    counts = Counter(member["kind"] for member in details.get("members", [{"kind": "transformer"}]))
    return ", ".join(f"{count} x {_MEMBERS[kind]}" for kind, count in counts.items())


def _metrics(evaluation: EvaluationRecord) -> list[dict[str, Any]]:
    dates = f"{_day(evaluation.window_from)} to {_day(evaluation.window_to)}"
    rows = (
        f"evaluation window {dates if evaluation.window_to else 'without dates'}: "
        f"{evaluation.rows} loans, {evaluation.positives} defaults"
    )
    found = []
    for name, value in evaluation.metrics.items():
        if not math.isfinite(value):
            continue
        metric: dict[str, Any] = {"type": name, "value": str(value), "slice": rows}
        low, high = evaluation.intervals.get(name, (math.nan, math.nan))
        if math.isfinite(low) and math.isfinite(high):
            metric["confidenceInterval"] = {"lowerBound": str(low), "upperBound": str(high)}
        found.append(metric)
    return found


def _snapshot(record: ModelRecord, reference: str) -> dict[str, Any]:
    """The rows of the training, which are no part of the artifact."""
    return {
        "type": "data",
        "bom-ref": reference,
        "name": "training snapshot",
        "version": record.snapshot_hash,
        "data": [{"type": "dataset", "name": f"{_day(record.trained_from)} to {_day(record.trained_to)}"}],
    }


def _facts(
    record: ModelRecord, evaluation: EvaluationRecord | None, details: Mapping[str, Any]
) -> dict[str, Any]:
    """What CycloneDX has no field for; values that are not known are omitted."""
    members = details.get("members", []) if record.kind == "classifier" else []
    return {
        "artifact_sha256": record.artifact_sha256,
        "portfolio_hash": record.portfolio_hash,
        "snapshot_hash": record.snapshot_hash,
        "status": record.status,
        "parent": record.parent,
        "created_at": record.created_at,
        "promoted_at": record.promoted_at,
        "verdict": evaluation.verdict if evaluation else None,
        "evaluated_at": evaluation.evaluated_at if evaluation else None,
        "threshold": record.threshold,
        "config": json.dumps(details["config"], sort_keys=True),
        **{
            f"member:{number}": f"{member['kind']}, weight {member.get('weight', 1.0)}"
            for number, member in enumerate(members, start=1)
        },
    }


def _properties(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"name": PREFIX + name, "value": str(value)} for name, value in facts.items() if value is not None
    ]


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def _day(value: object) -> str:
    return "undated" if value is None else str(value)
