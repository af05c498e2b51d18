"""VATT Foley: timelines in and out, the engine client, the command line. No torch, no Qt."""
