"""Models on disk, of every family, and the transform before them; and what they answer."""
