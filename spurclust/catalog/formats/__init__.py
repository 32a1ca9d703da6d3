"""Formats of tables: text, workbooks, and files with a header of their own, as rows of cells."""
