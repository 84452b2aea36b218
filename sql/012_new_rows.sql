-- What of a watched source is loaded: the state of the source from which each partition was read, stored with its rows.

CREATE TABLE loaded_partitions (
    partition_key text PRIMARY KEY,
    mark text NOT NULL,
    files text[] NOT NULL,
    loads bigint NOT NULL,
    featured_loads bigint NOT NULL DEFAULT 0,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE loaded_partitions IS 'Partitions of raw_data that were read from a watched source, one row per partition';
COMMENT ON COLUMN loaded_partitions.partition_key IS 'Partition of raw_data';
COMMENT ON COLUMN loaded_partitions.mark IS
    'Hash of the state of the source before the rows were read; empty without rows. Written in the transaction of the rows';
COMMENT ON COLUMN loaded_partitions.files IS 'Files that the rows were read from; empty for a query';
COMMENT ON COLUMN loaded_partitions.loads IS 'Number of times that the partition was loaded';
COMMENT ON COLUMN loaded_partitions.featured_loads IS 'Value of loads at which its features were made';
COMMENT ON COLUMN loaded_partitions.loaded_at IS 'Time of the last load';

CREATE TABLE delivered_files (
    path text PRIMARY KEY,
    state text NOT NULL,
    partition_keys text[] NOT NULL
);
COMMENT ON TABLE delivered_files IS 'Files of a watched source that were looked into';
COMMENT ON COLUMN delivered_files.path IS 'Path of the file';
COMMENT ON COLUMN delivered_files.state IS 'Size and time of change that it had';
COMMENT ON COLUMN delivered_files.partition_keys IS 'Partitions of which it holds rows';

-- A partition that has not ended yet may now be loaded: what is known is known up to today, not up to its end.
CREATE OR REPLACE VIEW data_cutoff AS
SELECT CASE WHEN max(as_of) >= CURRENT_DATE THEN CURRENT_DATE ELSE max(as_of) + 1 END AS cutoff
FROM processed_data
WHERE partition_key = (SELECT max(partition_key) FROM processed_data);
COMMENT ON VIEW data_cutoff IS
    'The data cutoff: the day after the newest as_of in processed_data, at most today; data count as known up to it';
