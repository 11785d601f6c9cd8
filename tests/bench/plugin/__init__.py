"""Proof of bench/plugin."""
