"""Proof of bench/host."""
