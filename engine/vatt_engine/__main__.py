"""``python -m vatt_engine serve``: the engine process, JSON lines on stdin and stdout."""

from __future__ import annotations

import sys


def main() -> int:
    """Serve; anything else on the command line is a usage error."""
    if sys.argv[1:] not in ([], ["serve"]):
        sys.stderr.write("usage: python -m vatt_engine serve\n")
        return 2
    from vatt_engine.server import main as serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
