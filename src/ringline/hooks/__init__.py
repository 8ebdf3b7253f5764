"""Requests to the receivers of webhooks, who may be anybody: guarded and bounded."""
