"""One log line per epoch of a training."""

from collections.abc import Callable
from logging import Logger
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loan_default_assets.model.training_loop import Epoch


def log_epochs(log: Logger) -> Callable[["Epoch"], None]:
    """A callback of a training that logs each epoch as it ends; the record carries it as `epoch`."""
    return lambda epoch: log.info(epoch_line(epoch), extra={"epoch": epoch})


def epoch_line(epoch: "Epoch") -> str:
    """Phase, number, loss, validation ROC-AUC where there is one, and the remaining time of the phase."""
    # Fine-tuning may stop early.
    left = "about" if epoch.validation_auc is None else "at most"
    auc = "" if epoch.validation_auc is None else f", validation ROC-AUC {epoch.validation_auc:.4f}"
    member = f" transformer {epoch.member}," if epoch.member else ""
    return (
        f"{epoch.phase}:{member} epoch {epoch.number} of {epoch.total}, loss {epoch.loss:.4f}{auc}, "
        f"{left} {epoch.seconds_left:.0f} s left"
    )
