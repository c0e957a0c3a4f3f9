"""Raw columns become numbers: fitted on the train split, applied the same everywhere."""
