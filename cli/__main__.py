"""``python -m vqcodec.cli``, for where no ``vqz`` script is installed."""

import sys

from .main import entry

if __name__ == "__main__":
    sys.exit(entry())
