"""Contenders side by side."""
