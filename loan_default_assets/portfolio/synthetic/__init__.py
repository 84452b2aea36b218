"""The generated loans: applicants, and the days and partitions they apply in."""
