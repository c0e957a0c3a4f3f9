"""Which of a dataset's five types a column has."""
