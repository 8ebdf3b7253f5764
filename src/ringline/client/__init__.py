"""The client: places calls and watches them, using only the public API."""
