"""What a training tells while it runs: events, and the console, files and trackers that listen."""
