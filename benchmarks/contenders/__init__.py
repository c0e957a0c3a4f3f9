"""What is timed: each file a program that runs in its own environment and prints one JSON line.

Arguments: the CSV of the reference, the CSV to check. Imports are not timed.
"""
