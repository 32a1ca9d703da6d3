"""Formats of tables: text, workbooks, files with their own header, and words for labels."""
