"""The chart of the page: processor seconds by rows, measured and fitted, on logarithmic axes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from loan_default_assets_tests.benchmarks.scaling.stage_curves import StageCurve
from loan_default_assets_tests.benchmarks.scaling.stages import STAGES

_SHOWN = ("copy", "ingestion", "features", "daily", "scored_loans", "score", "pretraining", "fine_tuning")


def write_chart(found: Mapping[tuple[str, int], StageCurve], path: Path) -> None:
    """Write the chart of the stages with one worker as SVG; the same measurements give the same bytes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with mpl.rc_context({"svg.hashsalt": "scaling", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
        for name in _SHOWN:
            if (name, 1) not in found:
                continue
            curve = found[name, 1]
            done = [each.done for each in curve.measured]
            (line,) = axes.plot(
                done, [each.cpu for each in curve.measured], "o", label=STAGES[name].title.replace("`", "")
            )
            rows = np.geomspace(min(done), max(done), 50)
            axes.plot(rows, [curve.fit.seconds(each) for each in rows], color=line.get_color(), linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="CPU s, one worker")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})
        plt.close(figure)
