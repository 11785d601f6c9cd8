"""Proof that what is timed is the tutorial's network."""
