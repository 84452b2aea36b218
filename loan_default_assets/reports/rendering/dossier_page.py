"""The dossier as one HTML page: both languages in it, no request to anywhere, readable without scripts."""

from __future__ import annotations

from loan_default_assets.reports.rendering.dossier_document import Dossier, shown
from loan_default_assets.reports.rendering.dossier_template import dossier_template
from loan_default_assets.reports.rendering.html_page import FOLDER, page_environment


def dossier_page(dossier: Dossier) -> str:
    """The page; equal dossiers give equal bytes."""
    missing, items = dossier.counts
    return (
        page_environment()
        .get_template("dossier.html.j2")
        .render(
            dossier=dossier,
            missing=str(missing),
            items=str(items),
            titles=dossier_template().groups,
            shown=shown,
            style=(FOLDER / "report.css").read_text("utf-8"),
        )
    )
