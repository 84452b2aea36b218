"""Arrays in an unlinked temporary file, which processes map into their memory instead of holding copies."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from multiprocessing import reduction
from types import TracebackType
from typing import Any

import numpy as np

# Bytes at multiples of which arrays begin, as torch allocates them.
_ALIGNMENT = 64


class SharedArrays:
    """Arrays by name, for this process and for those that it is sent to as an argument.

    The file has no name: it disappears with the last process that uses it, however that ends.

    Args:
        arrays: The arrays.

    Raises:
        OSError: There is no space for a temporary file.

    Examples:
        >>> with SharedArrays({"codes": np.arange(6).reshape(3, 2), "none": np.zeros((0, 4))}) as shared:
        ...     arrays = shared.arrays()
        >>> arrays["codes"].tolist(), arrays["none"].shape
        ([[0, 1], [2, 3], [4, 5]], (0, 4))
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._layout: list[tuple[str, np.dtype[Any], tuple[int, ...], int]] = []
        with tempfile.TemporaryFile() as file:
            for name, values in arrays.items():
                file.seek(-file.tell() % _ALIGNMENT, os.SEEK_CUR)
                self._layout.append((name, values.dtype, values.shape, file.tell()))
                np.ascontiguousarray(values).tofile(file)
            file.flush()
            self._descriptor: Any = os.dup(file.fileno())

    def __enter__(self) -> SharedArrays:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name; what is written to them stays in this process."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            return {
                name: (
                    np.asarray(np.memmap(file, dtype, "c", offset, shape))
                    if np.prod(shape)
                    else np.empty(shape, dtype)
                )
                for name, dtype, shape, offset in self._layout
            }

    def __getstate__(self) -> dict[str, Any]:
        return {"layout": self._layout, "descriptor": reduction.DupFd(self._descriptor)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._layout = state["layout"]
        self._descriptor = state["descriptor"].detach()
