"""Proof of reports/stats."""
