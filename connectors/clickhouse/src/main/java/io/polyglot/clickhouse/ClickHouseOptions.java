package io.polyglot.clickhouse;

import java.io.Serializable;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.table.api.ValidationException;

/** What a job says about a table and how it is written, checked. */
record ClickHouseOptions(
        URI url,
        String database,
        String table,
        String username,
        String password,
        String caLocation,
        int batchSize,
        long batchBytes,
        Duration flushInterval,
        int maxRetries,
        Duration initialBackoff,
        Duration maxBackoff,
        Duration requestTimeout)
        implements Serializable {

    static final ConfigOption<String> URL = ConfigOptions.key("url")
            .stringType()
            .noDefaultValue()
            .withDescription("http(s)://host:port of ClickHouse's HTTP interface.");
    static final ConfigOption<String> DATABASE_NAME = ConfigOptions.key("database-name")
            .stringType()
            .defaultValue("default")
            .withDescription("Database of the table.");
    static final ConfigOption<String> TABLE_NAME = ConfigOptions.key("table-name")
            .stringType()
            .noDefaultValue()
            .withDescription("Table to insert into.");
    static final ConfigOption<String> USERNAME =
            ConfigOptions.key("username").stringType().defaultValue("default").withDescription("User.");
    static final ConfigOption<String> PASSWORD =
            ConfigOptions.key("password").stringType().defaultValue("").withDescription("Password.");
    static final ConfigOption<String> CA_LOCATION = ConfigOptions.key("ca-location")
            .stringType()
            .noDefaultValue()
            .withDescription("PEM file, on every TaskManager, of the CAs that may have signed the server's certificate;"
                    + " without it those that Java trusts.");
    static final ConfigOption<Integer> BATCH_SIZE = ConfigOptions.key("sink.batch-size")
            .intType()
            .defaultValue(10_000)
            .withDescription("Rows that one INSERT holds at most.");
    static final ConfigOption<MemorySize> BATCH_BYTES = ConfigOptions.key("sink.batch-bytes")
            .memoryType()
            .defaultValue(MemorySize.ofMebiBytes(8))
            .withDescription("Bytes that one INSERT holds, give or take a row.");
    static final ConfigOption<Duration> FLUSH_INTERVAL = ConfigOptions.key("sink.flush-interval")
            .durationType()
            .defaultValue(Duration.ofMillis(200))
            .withDescription("How long a row waits at most for others before it is sent.");
    static final ConfigOption<Integer> MAX_RETRIES = ConfigOptions.key("sink.max-retries")
            .intType()
            .defaultValue(8)
            .withDescription("Attempts after the first; when all fail, the job fails and restarts from its checkpoint.");
    static final ConfigOption<Duration> INITIAL_BACKOFF = ConfigOptions.key("sink.retry.initial-backoff")
            .durationType()
            .defaultValue(Duration.ofMillis(100))
            .withDescription("Wait before the first retry; it doubles each time.");
    static final ConfigOption<Duration> MAX_BACKOFF = ConfigOptions.key("sink.retry.max-backoff")
            .durationType()
            .defaultValue(Duration.ofSeconds(10))
            .withDescription("Longest wait between two attempts.");
    static final ConfigOption<Duration> REQUEST_TIMEOUT = ConfigOptions.key("sink.request-timeout")
            .durationType()
            .defaultValue(Duration.ofSeconds(60))
            .withDescription("How long one INSERT may take before it counts as failed.");

    private static final Set<ConfigOption<?>> ALL = Set.of(
            URL, TABLE_NAME, DATABASE_NAME, USERNAME, PASSWORD, CA_LOCATION, BATCH_SIZE, BATCH_BYTES, FLUSH_INTERVAL,
            MAX_RETRIES, INITIAL_BACKOFF, MAX_BACKOFF, REQUEST_TIMEOUT);

    /** @throws ValidationException if an option is missing, unknown, or has a value that it cannot have */
    static ClickHouseOptions of(Map<String, String> given) {
        Configuration config = Configuration.fromMap(given);
        Set<String> known = ALL.stream().map(ConfigOption::key).collect(Collectors.toSet());
        given.forEach((key, value) -> require(known.contains(key), key, value));
        require(config.contains(URL), URL.key(), null);
        require(config.contains(TABLE_NAME), TABLE_NAME.key(), null);
        ClickHouseOptions options = new ClickHouseOptions(
                URI.create(config.get(URL)),
                config.get(DATABASE_NAME),
                config.get(TABLE_NAME),
                config.get(USERNAME),
                config.get(PASSWORD),
                config.get(CA_LOCATION),
                config.get(BATCH_SIZE),
                config.get(BATCH_BYTES).getBytes(),
                config.get(FLUSH_INTERVAL),
                config.get(MAX_RETRIES),
                config.get(INITIAL_BACKOFF),
                config.get(MAX_BACKOFF),
                config.get(REQUEST_TIMEOUT));
        require(Set.of("http", "https").contains(String.valueOf(options.url.getScheme())), URL.key(), options.url);
        require(options.batchSize > 0, BATCH_SIZE.key(), options.batchSize);
        require(options.batchBytes > 0, BATCH_BYTES.key(), options.batchBytes);
        require(options.flushInterval.compareTo(Duration.ZERO) > 0, FLUSH_INTERVAL.key(), options.flushInterval);
        require(options.maxRetries >= 0, MAX_RETRIES.key(), options.maxRetries);
        return options;
    }

    private static void require(boolean ok, String option, Object value) {
        if (!ok) {
            throw new ValidationException("Option '" + option + "' cannot be " + value);
        }
    }

    @Override
    public String toString() {
        return "ClickHouse(" + url + ", " + database + "." + table + ")";
    }
}
