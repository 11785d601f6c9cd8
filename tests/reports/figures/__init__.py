"""Proof of reports/figures."""
