"""Batch scores as Parquet files, one per partition, beside the table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from loan_default_assets.warehouse.batch_scores import ScoredBatch

# Writes a file to a root behind a URL, under a name relative to it.
Upload = Callable[[Path, str], None]
_SCHEMA = pa.schema([("loan_id", pa.string()), ("probability", pa.float64()), ("decision", pa.int8())])


@contextmanager
def partition_file(
    folder: Path | None, key: str, upload: Upload | None = None
) -> Iterator[Callable[[ScoredBatch], None]]:
    """A function that writes rows to the partition's file, which replaces the former one at the end of the block.

    An error inside the block leaves the former file as it was.

    Args:
        folder: None: nothing is written.
        key: The partition; the file is `KEY.parquet`.
        upload: Takes the file to the folder's name in a root behind a URL; None: it stays in the folder.

    Raises:
        ArtifactRootError: The root behind the URL cannot be reached or refuses.
    """
    if folder is None:
        yield lambda rows: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{key}.parquet.partial"
    try:
        with pq.ParquetWriter(partial, _SCHEMA) as writer:
            yield lambda rows: writer.write_table(
                pa.table([rows.loan_id, rows.probability, rows.decision], schema=_SCHEMA)
            )
        if upload:
            upload(partial, f"{key}.parquet")
        else:
            partial.replace(folder / f"{key}.parquet")
    finally:
        partial.unlink(missing_ok=True)
