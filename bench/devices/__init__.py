"""Everything that talks to an accelerator: backend, clock, events, memory, description, ceilings, yardstick, dtypes.

One code path serves ``cpu`` and whatever ``torch.accelerator`` knows; what a backend lacks is found by trying.
May import `record`, `host` and torch.
Start with `backend`, which opens a device and waits for it, and `clock`, which reads the time.
"""
