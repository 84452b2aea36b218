"""One log line per epoch of a training."""

import math
from collections.abc import Callable
from logging import Logger
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loan_default_assets.model.training_loop import Epoch


def log_epochs(log: Logger) -> Callable[["Epoch"], None]:
    """A callback of a training that logs each epoch as it ends; the record carries it as `epoch`."""
    return lambda epoch: log.info(epoch_line(epoch), extra={"epoch": epoch})


def epoch_line(epoch: "Epoch") -> str:
    """Phase, number, loss, validation ROC-AUC where there is one, and the remaining time of the phase.

    Examples:
        >>> from loan_default_assets.model.training_loop import Epoch
        >>> epoch_line(Epoch("fit", 2, 16, 0.41, 0.78, 12.0, 1))
        'fit: transformer 1, epoch 2 of 16, loss 0.4100, validation ROC-AUC 0.7800, at most 12 s left'
        >>> epoch_line(Epoch("fit", 0, 16, float("nan"), 0.78, 12.0))
        'fit: epoch 0 of 16, validation ROC-AUC 0.7800, at most 12 s left'
    """
    # Fine-tuning may stop early.
    left = "about" if epoch.validation_auc is None else "at most"
    auc = "" if epoch.validation_auc is None else f", validation ROC-AUC {epoch.validation_auc:.4f}"
    # A warm start begins with a model that was not fitted yet.
    loss = "" if math.isnan(epoch.loss) else f", loss {epoch.loss:.4f}"
    member = f" transformer {epoch.member}," if epoch.member else ""
    return (
        f"{epoch.phase}:{member} epoch {epoch.number} of {epoch.total}{loss}{auc}, "
        f"{left} {epoch.seconds_left:.0f} s left"
    )
