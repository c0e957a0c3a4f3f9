"""What the commands for data and schemas do, in the environment of the data role."""
