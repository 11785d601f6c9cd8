"""What a test imports from a folder of its own leaves this process with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def imports_undone(folder: Path) -> Iterator[None]:
    """Take every module below a folder out of Python's table again, and put back what it took the place of."""
    before, places = dict(sys.modules), list(sys.path)
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__dict__", {}).get("__file__")
            if isinstance(file, str) and Path(file).is_relative_to(folder):
                del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if name not in sys.modules})
        sys.path[:] = places
