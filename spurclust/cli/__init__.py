"""The commands of the command line, one module each; `spurclust.cli.main` calls them."""
