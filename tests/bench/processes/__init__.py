"""Proof of bench/processes."""
