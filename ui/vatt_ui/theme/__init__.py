"""Colours, measures, icons."""
