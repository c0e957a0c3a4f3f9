"""What the commands for feature stores do, in the environment of the features role."""
