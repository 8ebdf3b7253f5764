"""Other ways to do what Ringline does, to measure it beside them."""
