"""What is written down of a run and of a gate: observations only. Standard library only."""
