"""Proof of bench/gate."""
