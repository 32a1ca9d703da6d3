"""The verdicts of inspectors: stored, counted, and as tables."""
