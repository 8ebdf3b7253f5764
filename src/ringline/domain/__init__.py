"""What exists and what may happen. Pure: no I/O, no clock, no randomness."""
