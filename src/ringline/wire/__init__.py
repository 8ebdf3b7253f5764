"""Languages: bytes <-> words of the domain. Pure: no I/O, no clock, no randomness."""
