"""Proof of reports/compare."""
