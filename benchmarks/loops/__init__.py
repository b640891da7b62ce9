"""Bare loops with confluent-kafka: what a good engineer writes in an afternoon, without durability.

They are what Polyglot is measured against in the same run. A loop that is killed has lost its state and its position.
"""
