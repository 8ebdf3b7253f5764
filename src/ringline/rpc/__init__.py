"""The RPC: a generic engine over one table of resources and one of actions."""
