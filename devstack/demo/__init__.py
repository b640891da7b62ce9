"""``polyglot demo``: the whole promise in one command, on real processes."""
