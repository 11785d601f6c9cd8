"""Proof that reports says what a run holds."""
