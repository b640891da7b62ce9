"""The local stack's own servers."""
