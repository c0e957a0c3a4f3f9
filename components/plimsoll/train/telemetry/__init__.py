"""What a training emits while it runs: events, and the console, files and trackers that listen."""
