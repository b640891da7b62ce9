"""A fold's state as bytes: the protocol of folds, the journal of their deltas, packed arrays."""
