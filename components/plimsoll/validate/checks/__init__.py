"""The checks: of rows, of columns, against a reference."""
