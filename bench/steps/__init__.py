"""What an iteration is."""
