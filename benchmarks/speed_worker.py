"""One encode or decode in a process of its own: seconds and peak memory as a line of JSON.

``python -m benchmarks.speed_worker encode|decode CODEC SETTING AXIS DEVICE VALUES.npy FILE``;
peak memory is that of this process and of the largest one it started.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from .own_curve import OURS, own_codec
from .peers import Array, named_peers

KIB_PER_MIB = 1024


def main(arguments: list[str]) -> int:
    """Do what the command line asks for."""
    action, name, setting, axis, device, source, target = arguments
    values = np.load(source)
    encode, decode = both_ways(name, float(setting), int(axis), device, values.shape)
    file = Path(target)
    start = time.perf_counter()
    if action == "encode":
        data = encode(values)
        seconds = time.perf_counter() - start
        file.write_bytes(data)
    else:
        decode(file.read_bytes())
        seconds = time.perf_counter() - start
    used = own_peak() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"seconds": seconds, "mebibytes": used / KIB_PER_MIB}))
    return 0


def own_peak() -> int:
    """Peak resident memory of this process in KiB.

    ``ru_maxrss`` begins with the peak of the process that started this one, which may be large;
    where there is ``/proc``, it has the figure of this program alone.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def both_ways(
    name: str, setting: float, axis: int, device: str, shape: tuple[int, ...]
) -> tuple[Callable[[Array], bytes], Callable[[bytes], Array]]:
    """Encoder and decoder of vqcodec as it is by default, or of a peer at a setting.

    What they import is imported here: the call alone is timed.
    """
    if name == OURS:
        codec = own_codec(device=device, force=True)
        import_module("vqcodec.codec")  # what vqcodec.encode would import when it is called
        return lambda values: codec.encode(values, {}), codec.decode
    (peer,) = named_peers((name,))
    peer.missing()
    return (
        lambda values: peer.encode(values, setting, axis),
        lambda data: peer.decode(data, shape, axis),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
