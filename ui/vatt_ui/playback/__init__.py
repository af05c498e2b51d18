"""Time, sound and samples."""
