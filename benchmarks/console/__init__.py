"""The browser console under load, in a real browser."""
