"""Proof of bench/worker."""
