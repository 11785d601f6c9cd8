"""Proof of bench/record."""
