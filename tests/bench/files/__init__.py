"""Proof of bench/files."""
