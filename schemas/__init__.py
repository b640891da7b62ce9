"""Contracts: Avro schemas with pinned ids, and the domains that own topics and tables."""
