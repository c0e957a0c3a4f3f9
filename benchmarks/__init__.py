"""What Plimsoll's claims of speed rest on; `make bench` prints it."""
