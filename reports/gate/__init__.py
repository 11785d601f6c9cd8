"""The answer of a gate."""
