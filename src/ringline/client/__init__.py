"""The client: places calls and watches them, over the public API alone."""
