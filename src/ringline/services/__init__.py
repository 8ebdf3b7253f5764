"""The application's services: run calls, open sessions, write and follow the logs."""
