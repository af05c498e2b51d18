"""The ``vatt`` command, one module a subcommand; only the one that runs is imported."""
