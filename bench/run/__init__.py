"""A plain run."""
