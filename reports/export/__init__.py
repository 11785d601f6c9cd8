"""A run in the formats of other tools: what each of them reads, and nothing of ours besides."""
