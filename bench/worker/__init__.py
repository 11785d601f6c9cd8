"""The process that times."""
