"""Proof of reports/run."""
