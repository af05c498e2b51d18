"""Published VATT and AudioGen checkpoints -> model folders."""
