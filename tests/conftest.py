"""What all tests share."""

import signal

from hypothesis import settings

# Machines are slow at times; no test here depends on the clock.
settings.register_profile("plimsoll", deadline=None)
settings.load_profile("plimsoll")

# A shell starts what it runs in the background with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
