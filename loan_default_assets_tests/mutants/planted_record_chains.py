"""Planted faults of the chains of erasures, batch scores, refused records and shadow scores, and of their checks."""

from loan_default_assets_tests.mutants.mutant import PIPELINE, WAREHOUSE, Mutant, mutant

_ALTERATIONS = "verification/test_other_alterations.py"
_UNALTERED = "verification/test_other_records.py"
_CHAINS = "warehouse/test_record_chains.py"
_SQL = "sql/016_more_chains.sql"

RECORD_CHAIN_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "every erasure is linked",
        _SQL,
        "CREATE TRIGGER linked AFTER INSERT ON erasures FOR EACH ROW EXECUTE FUNCTION link_record();",
        "",
        _CHAINS,
    ),
    mutant(
        "every recorded scoring of a partition is linked",
        _SQL,
        "CREATE TRIGGER linked AFTER INSERT ON scored_partitions FOR EACH ROW EXECUTE FUNCTION link_record();",
        "",
        _CHAINS,
    ),
    mutant(
        "every refused record is linked",
        _SQL,
        "FOR EACH ROW EXECUTE FUNCTION link_refused_record();",
        "FOR EACH ROW WHEN (false) EXECUTE FUNCTION link_refused_record();",
        _CHAINS,
    ),
    mutant(
        "what an erasure leaves of a refused record is recorded",
        _SQL,
        "    FOR EACH ROW EXECUTE FUNCTION record_erased_record();",
        "    FOR EACH ROW WHEN (false) EXECUTE FUNCTION record_erased_record();",
        _UNALTERED,
    ),
    mutant(
        "the digest of a row with bytes does not depend on the session",
        _SQL,
        " SET bytea_output = 'hex' AS $$",
        " AS $$",
        _CHAINS,
    ),
    mutant(
        "a decision anchors the chains of shadow scores",
        _SQL,
        "SELECT link, hash FROM shadow_links WHERE chain = number ORDER BY link DESC LIMIT 1) head",
        "SELECT link, hash FROM shadow_links WHERE false ORDER BY link DESC LIMIT 1) head",
        _CHAINS,
    ),
    mutant(
        "a decision anchors every chain of record_links",
        _SQL,
        "WHERE r.chain > n.chain ORDER BY r.chain LIMIT 1) next",
        "WHERE false ORDER BY r.chain LIMIT 1) next",
        _CHAINS,
    ),
    mutant(
        "writers of refused records do not wait for each other",
        _SQL,
        "    IF table_name = 'refused_predictions' THEN\n",
        "    IF false THEN\n",
        _CHAINS,
    ),
    mutant(
        "refused records of before the migration are linked",
        _SQL,
        "FROM refused_predictions ORDER BY refused_at, sha256 LOOP",
        "FROM refused_predictions WHERE false LOOP",
        _CHAINS,
    ),
    mutant(
        "shadow scores of before the migration are linked",
        _SQL,
        "SELECT DISTINCT prediction_month(scored_at) FROM shadow_predictions ORDER BY 1 LOOP",
        "SELECT DISTINCT prediction_month(scored_at) FROM shadow_predictions LIMIT 0 LOOP",
        _CHAINS,
    ),
    mutant(
        "chains that writers share out are held against their anchors",
        f"{PIPELINE}/verify_chains.py",
        '    *(f"{table}/{chain}" for table in DIVIDED_RECORDS for chain in ALL_CHAINS),\n',
        "",
        _ALTERATIONS,
    ),
    mutant(
        "the chains of shadow scores are followed",
        f"{PIPELINE}/verify_records.py",
        "verify_shadow_chains(stored, decisions, shadow_chains, deviations)",
        "verify_shadow_chains(stored, decisions, (), deviations)",
        _ALTERATIONS,
    ),
    mutant(
        "a shadow score fits the digest of its link",
        f"{PIPELINE}/verify_shadow_scores.py",
        "    elif computed not in digests:",
        "    elif False:",
        _ALTERATIONS,
    ),
    mutant(
        "a shadow score goes with the key of its prediction only",
        f"{PIPELINE}/verify_shadow_scores.py",
        "        if each.has_key:",
        "        if False:",
        _ALTERATIONS,
    ),
    mutant(
        "a score that was deleted and stored once more may have two links",
        f"{PIPELINE}/verify_shadow_scores.py",
        "    elif computed != each.digest:\n        counts.pruned += 1\n        return False\n",
        "",
        _UNALTERED,
    ),
    mutant(
        "a shadow score is that of its model",
        f"{PIPELINE}/verify_shadow_scores.py",
        "        reproduce_scores(batch, find_scorer, counts, deviations, _TABLE)\n",
        "        batch.clear()\n",
        _ALTERATIONS,
    ),
    mutant(
        "a refused record has the hash that is chained",
        f"{PIPELINE}/verify_refused_records.py",
        "        if computed != expected:",
        "        if False:",
        _ALTERATIONS,
    ),
    mutant(
        "an erased record is as the last erasure left it",
        f"{WAREHOUSE}/refused_records.py",
        "ORDER BY e.erased_at DESC LIMIT 1",
        "ORDER BY e.erased_at LIMIT 1",
        _UNALTERED,
    ),
    mutant(
        "batch scores are those of a recorded scoring",
        f"{PIPELINE}/verify_batch_scores.py",
        "(found.rows, found.sha256) == (record.rows, record.sha256)",
        "found.rows == record.rows",
        _ALTERATIONS,
    ),
    mutant(
        "batch scores name the model of their record",
        f"{PIPELINE}/verify_batch_scores.py",
        "return versions == {record.model_version} and (",
        "return (",
        _ALTERATIONS,
    ),
    mutant(
        "scores of before an erasure do not come back",
        f"{PIPELINE}/verify_batch_scores.py",
        "if left is None or each.recorded_at > left.recorded_at",
        "",
        _ALTERATIONS,
    ),
    mutant(
        "a partition without scores is dropped only with the table of its year",
        f"{PIPELINE}/verify_batch_scores.py",
        "if key not in present and score_table(key) not in tables:",
        "if key not in present:",
        _ALTERATIONS,
    ),
    mutant(
        "an erasure records what it leaves of batch scores",
        f"{WAREHOUSE}/erasures.py",
        "    record_erased(cursor, dict(partitions))\n",
        "",
        _UNALTERED,
    ),
    mutant(
        "the record of a scoring is of the rows that were stored",
        f"{WAREHOUSE}/batch_scores.py",
        "    if cursor.fetchall() != [(scored.rows,)]:",
        "    if cursor.fetchall() == []:",
        "pipeline/test_batch_scoring.py",
    ),
)
