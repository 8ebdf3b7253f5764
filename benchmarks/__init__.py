"""How fast and how large Ringline is, measured on the machine at hand."""
