"""Formats of tables: text, workbooks, files with a header of their own, and words for labels."""
