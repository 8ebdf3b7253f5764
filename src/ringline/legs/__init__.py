"""Lines into a call, one file per kind."""
