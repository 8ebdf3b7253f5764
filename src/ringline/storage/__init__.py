"""PostgreSQL: the adapters of the storage ports."""
