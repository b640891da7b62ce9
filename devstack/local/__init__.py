"""The local stack: broker, Flink cluster, ClickHouse gateway and Redis-protocol server as plain processes.

`components` says what runs, `supervisor` keeps it running, `control` starts and stops it, `probes` ask it how it is.
"""
