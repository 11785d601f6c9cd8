"""Making, asking, suspending and losing workers."""
