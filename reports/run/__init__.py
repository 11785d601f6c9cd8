"""Tables and pictures of one run."""
