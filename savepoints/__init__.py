"""What upgrades stand on: manifests of the jobs' state, and what a savepoint must have to be restored."""
