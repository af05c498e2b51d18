"""The nets, one module each; they receive built parts and never touch files or the network."""
