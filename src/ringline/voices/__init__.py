"""Speaking models behind the port `Voice`."""
