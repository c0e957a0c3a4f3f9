"""Configurations: what their fields may hold, how they are checked, what errors say."""
