"""Proof of reports/show."""
