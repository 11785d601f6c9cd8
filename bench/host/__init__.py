"""This machine without its accelerator."""
