"""Planted faults of the dossier, and of what /metrics reads from PostgreSQL."""

from loan_default_assets_tests.mutants.mutant import PIPELINE, Mutant, mutant

RENDERING = "loan_default_assets/reports/rendering"
STATE = "bento/operations/recorded_state.py"
DOCUMENT = "reports/test_dossier_document.py"
READINGS = "bento/operations/test_recorded_state.py"

DOSSIER_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "an item without a recorded fact is on the first page",
        f"{RENDERING}/dossier_document.py",
        "tuple(item for item in document.items if not item.recorded)",
        "tuple(item for item in document.items if not item.references)",
        DOCUMENT,
    ),
    mutant(
        "a recorded text is no markup",
        f"{RENDERING}/dossier_markdown.py",
        'return _SPECIAL.sub(r"\\\\\\1", " ".join(text.split()))',
        'return " ".join(text.split())',
        DOCUMENT,
    ),
    mutant(
        "what is not recorded makes no fact",
        "loan_default_assets/reports/figures/dossier_facts.py",
        'elif value is not None and value != "" and not',
        "elif not",
        DOCUMENT,
    ),
    mutant(
        "figures of an altered report are no record",
        f"{PIPELINE}/dossier_files.py",
        "page = read_report(inputs.store.root, version).decode()",
        "page = find_report(inputs.store.root, version).path.read_text()  # type: ignore[union-attr]",
        "pipeline/test_model_dossier.py",
    ),
    mutant(
        "at most one reading of the recorded state is in progress",
        STATE,
        "if self._reading is None and self._clock() >= self._due:",
        "if self._clock() >= self._due:",
        READINGS,
    ),
    mutant(
        "a reading that hangs counts as failed",
        STATE,
        "self._succeeded and not late",
        "self._succeeded",
        READINGS,
    ),
)
