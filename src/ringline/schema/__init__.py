"""The database's tables and migrations. Definitions only."""
