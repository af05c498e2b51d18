"""Rights-free sounds with exact timing and labels; the front is `vatt_engine.corpus.synth.api`."""
