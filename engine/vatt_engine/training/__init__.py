"""Training of the parts of the bundled model; ``python -m vatt_engine.training KIND CONFIG``."""
