"""Plots as Markdown images for asset metadata in Dagster's UI."""

import base64
import io

import numpy as np


def reliability(label: np.ndarray, probability: np.ndarray, bins: int = 10) -> str:
    """Observed default rate against mean PD, by quantile bin of PD.

    Args:
        label: Shape (N,), 1 for a default, else 0.
        probability: PD, shape (N,), in 0..1.
        bins: Number of quantile bins.

    Returns:
        A Markdown image with the PNG data inside.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = np.array_split(np.argsort(probability, kind="stable"), bins)
    predicted = [float(probability[part].mean()) for part in groups if len(part)]
    observed = [float((label[part] == 1).mean()) for part in groups if len(part)]
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    top = max(*predicted, *observed) * 1.05
    axes.plot([0, top], [0, top], color="0.7", linewidth=1)
    axes.plot(predicted, observed, marker="o")
    axes.set(
        xlabel="predicted probability of default",
        ylabel="observed default rate",
        title="Calibration by decile",
        xlim=(0, top),
        ylim=(0, top),
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f"![Calibration by decile](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
