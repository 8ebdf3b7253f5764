"""RPC: a generic engine over a table of resources and a table of actions."""
