"""What inspectors have said of the sources: stored, counted, and as tables."""
