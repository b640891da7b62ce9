"""What an operator does: submit and drain jobs, redrive dead letters, look at topics, contracts and metrics."""
