"""What all tests share."""

from hypothesis import settings

# Machines are slow at times; no test here depends on the clock.
settings.register_profile("plimsoll", deadline=None)
settings.load_profile("plimsoll")
