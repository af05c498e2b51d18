"""``python -m vatt_plugin.cli``: the same as the ``vatt`` command."""

from __future__ import annotations

import sys

from vatt_plugin.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
