"""The panel's helper: a small process without torch and without Qt.

Whatever may block or be hostile happens here and not in the panel: reading cuts, decoding picture
and sound, measuring waveforms, levelling takes. If a broken file kills it, the panel lives on and
starts another one. Requests and replies are JSON lines; pictures go through a shared file.
"""
