"""The most memory that this process has had: for a program that a benchmark starts, and that should stay small."""

from __future__ import annotations

import sys


def peak_mib() -> float:
    """Return the peak resident memory of this process so far, in MiB; on Windows there is nothing to ask."""
    try:
        # Not ru_maxrss: on Linux that begins with the peak of the process that started this one.
        with open("/proc/self/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    except OSError:
        import resource

        units_in_mib = 2**20 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units_in_mib
