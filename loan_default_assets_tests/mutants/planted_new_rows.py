"""Planted faults of loading new rows: marks, files that are written or gone, the sensor's runs."""

from loan_default_assets_tests.mutants.mutant import WAREHOUSE, Mutant, mutant

FOUND = "loan_default_assets/pipeline/new_rows.py"
MARKS = "loan_default_assets/portfolio/ingest/source_marks.py"
SENSOR = "loan_default_assets/orchestration/new_rows_sensor.py"
STEPS = "pipeline/test_new_rows.py"
TICKS = "orchestration/test_new_rows_sensor.py"

NEW_ROWS_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "rows and their mark are stored in one transaction",
        f"{WAREHOUSE}/partition_writes.py",
        "            record(cursor)",
        "            cursor.connection.commit()\n"
        '            cursor.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))\n'
        "            record(cursor)",
        STEPS,
    ),
    mutant(
        "a partition whose rows are unchanged gets its mark",
        f"{WAREHOUSE}/partition_writes.py",
        "        if record is not None:",
        "        if record is not None and unchanged != stored.keys() | sent.keys():",
        STEPS,
    ),
    mutant(
        "a file that is being written is not read",
        "loan_default_assets/portfolio/ingest/delivered_files.py",
        "if not stat.st_size or abs(now - stat.st_mtime) < source.settle_seconds:",
        "if not stat.st_size:",
        STEPS,
    ),
    mutant(
        "a file that is gone deletes no rows",
        FOUND,
        'portfolio.source.removed_files == "refuse" and state.files',
        "False and state.files",
        STEPS,
    ),
    mutant(
        "a loaded file that is written again is waited for",
        FOUND,
        "        if path in state.growing:",
        "        if False:",
        STEPS,
    ),
    mutant(
        "features that were not made are asked for again",
        FOUND,
        "before.mark == now.mark and before.featured:",
        "before.mark == now.mark:",
        STEPS,
    ),
    mutant(
        "files that were not looked into hold back what they may change",
        FOUND,
        "problem is None and state.unread:",
        "False:",
        STEPS,
    ),
    mutant(
        "features count as those of the rows they were made of",
        f"{WAREHOUSE}/loaded_partitions.py",
        "SET featured_loads = %s WHERE",
        "SET featured_loads = greatest(loads, %s) WHERE",
        STEPS,
    ),
    mutant(
        "a row that is committed below the newest watermark is loaded",
        MARKS,
        "_hash(str(count), str(newest.get(key)))",
        "_hash(str(newest.get(key)))",
        STEPS,
    ),
    mutant(
        "a changed row is loaded",
        MARKS,
        "_hash(str(count), str(newest.get(key)))",
        "_hash(str(count))",
        STEPS,
    ),
    mutant(
        "a failed load is repeated under another key",
        SENSOR,
        'f"{name}:{attempts}", partition_key',
        'f"{name}", partition_key',
        TICKS,
    ),
    mutant(
        "rows that come back are loaded again",
        SENSOR,
        'run_key=f"{name}:{attempts}", partition_key',
        "run_key=name, partition_key",
        TICKS,
    ),
    mutant("no load starts beside another one", SENSOR, "        if unfinished:", "        if False:", TICKS),
    mutant(
        "partitions with a gap between them are not one range",
        SENSOR,
        "if group and str(",
        "if False and str(",
        TICKS,
    ),
    mutant(
        "the partition of today is loaded before it has ended",
        "loan_default_assets/orchestration/partitions.py",
        "int(portfolio.source.watched)",
        "0",
        TICKS,
    ),
    mutant(
        "data of an open partition are known up to today",
        f"{WAREHOUSE}/loans.py",
        "min(self._portfolio.partition_bounds(newest[0][0])[1], date.today())",
        "self._portfolio.partition_bounds(newest[0][0])[1]",
        "warehouse/test_loans.py",
    ),
)
