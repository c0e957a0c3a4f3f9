"""The on-disk formats that components hand to each other, each versioned and checked when read."""
