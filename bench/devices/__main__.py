"""``python -m bench.devices [NAME ...]`` prints which devices there are, and why a named one is not."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from bench.devices.backend import UnknownDeviceError, list_devices, load


def report(named: Sequence[str]) -> dict[str, object]:
    """Return the devices of this machine, and why each named one that cannot be used is refused."""
    refused = {}
    for name in named:
        try:
            load(name)
        except UnknownDeviceError as error:
            refused[name] = str(error)
    return {"found": list_devices(), "refused": refused}


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1:])))
