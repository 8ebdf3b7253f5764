"""Adapters of the port `Voice`: the models that speak in a call."""
