"""Everything that talks to an accelerator."""
