"""Tests of what runs in a workflow."""
