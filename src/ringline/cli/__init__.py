"""The command line `ringline`: one file per group of commands (contract, 7)."""
