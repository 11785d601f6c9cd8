"""Programs that measure the harness itself, on a real machine; each prints the table that METHODOLOGY.md holds."""
