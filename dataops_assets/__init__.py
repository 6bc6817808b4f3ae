"""DataOps as a Dagster code location: a dataset is declared once, and everything else follows from the declaration."""
