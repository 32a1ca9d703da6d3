"""The command line: one module per command, each a parser, one call, and printing."""
