"""The schema: inferred or given, its text, its rules, and what differs between two."""
