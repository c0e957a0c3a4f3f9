"""The models that are tried: which, in what order, and which of them goes out."""
