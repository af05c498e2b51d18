"""The engine of VATT Foley. Nothing is imported here, so that the front starts at once."""
