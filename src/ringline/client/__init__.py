"""What `ringline call` and the demo speak with: a user of the public API."""
