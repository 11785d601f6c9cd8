"""Proof of bench/steps."""
