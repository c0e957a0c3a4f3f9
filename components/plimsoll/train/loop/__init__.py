"""The training loop: steps, losses, schedules, and the state that a checkpoint holds."""
