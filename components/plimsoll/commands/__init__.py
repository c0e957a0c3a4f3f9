"""What the commands for data and schemas do, in the environment of the data role.

Its ``__main__`` answers for every role: ``feature_commands`` holds what the role features does.
"""
