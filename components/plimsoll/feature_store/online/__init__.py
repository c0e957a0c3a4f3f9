"""What is written to online stores, and how."""
