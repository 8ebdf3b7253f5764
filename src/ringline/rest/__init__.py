"""The API of `/v1`: one table of routes, and what each of them does."""
