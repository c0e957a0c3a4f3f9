"""What one reading tells of the label and of each column."""
