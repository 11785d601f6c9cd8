"""Proof of bench/devices."""
