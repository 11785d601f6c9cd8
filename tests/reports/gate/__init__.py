"""Proof of reports/gate."""
