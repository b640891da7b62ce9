"""Bronze through the same folds as the stream."""
