"""The suite's own counts in the Prometheus text format; Flink's are served by its JobManager and TaskManager."""
