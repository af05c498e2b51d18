"""What every config is checked by: one way to refuse, and the largest sizes that are believed."""

from __future__ import annotations

from vatt_engine.errors import BadModelFolder

# No model of today comes near; a hostile config must not make us build for hours.
MAX_LAYERS = 256
MAX_WIDTH = 65_536
MAX_VOCABULARY = 1 << 21
MAX_CODE_FRAMES = 1 << 16


def check(ok: bool, message: str) -> None:
    """Refuse a config with ``message`` unless ``ok``.

    Raises:
        BadModelFolder: it is not.
    """
    if not ok:
        raise BadModelFolder(message, "Correct the model's config, or fetch the model again.")
