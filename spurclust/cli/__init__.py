"""The command line. Each module is a command: its parser, one call, and printing."""
