"""Proof that a number is made as it says."""
