"""Proof of bench/run."""
