"""What jobs, batch runs, collectors and commands share: settings, files, clients of Kafka, Flink and ClickHouse."""
