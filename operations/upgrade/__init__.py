"""Upgrades: from one release of the jobs to another, by savepoint, with a way back."""
