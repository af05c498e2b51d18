"""The PyQt6 panel."""
