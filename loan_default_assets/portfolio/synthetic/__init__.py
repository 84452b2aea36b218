"""The generated loans: applicants, and the partitions that their loans belong to."""
