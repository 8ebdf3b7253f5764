"""The SDKs, and what makes their code from the server's tables."""
