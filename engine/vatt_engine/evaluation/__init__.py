"""The judge: measures takes, captions and hits; offline, numpy and YAMNet only."""
