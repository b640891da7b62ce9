"""Attacks on the local ClickHouse: what they aim at, their texts, their spellings; and texts that must be let through.

`test_attacks` sends them to a confined gateway over HTTP, ``tests/property/test_gateway_policy.py`` to the engine's
process without walls, where the lists are alone. Neither trusts an error message: what counts is `Outside`, the files
and ports that must stay as they are.

A text has marks: ``@canary@`` a file with a secret, ``@out@`` its folder, ``@port@`` where nobody may knock,
``@script@`` a program, ``@n@`` a number that is new each time.
"""
