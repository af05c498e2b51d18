"""``python -m vatt_ui``: the panel."""

import sys

from vatt_ui.app import main

sys.exit(main())
