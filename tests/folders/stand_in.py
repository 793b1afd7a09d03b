"""The command line with a codec that keeps every voxel and takes its time.

Run as a script it is ``vqz``; its processes, and dask workers that preload it, use the same codec.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import vqcodec
from tests.cli.conftest import StandInVqz, decode_volume, encode, verify

SECONDS = float(os.environ.get("STAND_IN_SECONDS", "0.05"))


def slow_encode(source: Path, **options: Any) -> StandInVqz:
    time.sleep(SECONDS)
    return encode(source, **options)


stand_in = ModuleType("stand_in")
vars(stand_in).update(encode=slow_encode, decode_volume=decode_volume, VQZ=StandInVqz)
sys.modules["vqcodec.codec"] = sys.modules["vqcodec.vqz"] = stand_in
vars(vqcodec).update(encode=slow_encode, verify=verify)

if __name__ == "__main__":
    from vqcodec.cli.main import main

    sys.exit(main())
