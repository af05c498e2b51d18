"""Small experiments on what the paper left open; ``python -m vatt_engine.training.ablations``."""
