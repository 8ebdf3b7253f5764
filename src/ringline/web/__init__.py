"""The HTTP side: thin shells over services."""
