"""How rows are divided into train, eval and test."""
