"""The page of a live inspection, and the server that shows it to its inspectors."""
