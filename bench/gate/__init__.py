"""Head against base."""
