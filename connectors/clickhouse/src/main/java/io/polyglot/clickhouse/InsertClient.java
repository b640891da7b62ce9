package io.polyglot.clickhouse;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends one INSERT at a time, and again with growing waits while the server is away or overloaded. */
final class InsertClient {
    private static final Logger LOG = LoggerFactory.getLogger(InsertClient.class);
    /** Client errors that pass by themselves: timeout, too many requests. Other 4xx would fail for ever. */
    private static final Set<Integer> PASSING = Set.of(408, 425, 429);

    private static final int MESSAGE_LIMIT = 2_000;

    private final ClickHouseOptions options;
    private final HttpClient http;
    private final URI target;
    private final Counter retries;
    private final Counter errors;
    private volatile long lastMillis;

    InsertClient(ClickHouseOptions options, List<String> columns, SinkWriterMetricGroup metrics) {
        this.options = options;
        this.target = target(options, columns);
        HttpClient.Builder builder = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(options.requestTimeout());
        if (options.caLocation() != null) {
            builder.sslContext(TrustedAuthorities.of(Path.of(options.caLocation())));
        }
        this.http = builder.build();
        this.retries = metrics.counter("clickhouseRetries");
        this.errors = metrics.getNumRecordsSendErrorsCounter();
        metrics.setCurrentSendTimeGauge(() -> lastMillis);
    }

    /** Returns when the server has acknowledged the rows; throws when it refuses them or stays away. */
    void insert(byte[] body, int rows) throws IOException, InterruptedException {
        Duration wait = options.initialBackoff();
        for (int attempt = 0; ; attempt++) {
            String failure = attempt(body);
            if (failure == null) {
                return;
            }
            errors.inc(rows);
            if (attempt >= options.maxRetries()) {
                throw new IOException(options + " did not take " + rows + " rows in " + (attempt + 1)
                        + " attempts; the last: " + failure);
            }
            LOG.warn("{} did not take {} rows, attempt {}, again in {}: {}", options, rows, attempt + 1, wait, failure);
            retries.inc();
            Thread.sleep(wait.toMillis());
            Duration doubled = wait.multipliedBy(2);
            wait = doubled.compareTo(options.maxBackoff()) < 0 ? doubled : options.maxBackoff();
        }
    }

    /** Returns null when the rows were taken, else why not; throws when trying again is useless. */
    private String attempt(byte[] body) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(target)
                .timeout(options.requestTimeout())
                .header("X-ClickHouse-User", options.username())
                .header("X-ClickHouse-Key", options.password())
                .POST(BodyPublishers.ofByteArray(body))
                .build();
        long start = System.nanoTime();
        HttpResponse<String> response;
        try {
            response = http.send(request, BodyHandlers.ofString());
        } catch (IOException e) {
            return e.toString();
        }
        lastMillis = (System.nanoTime() - start) / 1_000_000;
        int status = response.statusCode();
        if (status == 200 && response.headers().firstValue("X-ClickHouse-Exception-Code").isEmpty()) {
            return null;
        }
        String text = response.body();
        String failure = "HTTP " + status + ": " + text.substring(0, Math.min(text.length(), MESSAGE_LIMIT)).strip();
        if (status >= 400 && status < 500 && !PASSING.contains(status)) {
            throw new IOException(options + " refused the rows: " + failure);
        }
        return failure;
    }

    private static URI target(ClickHouseOptions options, List<String> columns) {
        String names = columns.stream().map(InsertClient::quote).collect(Collectors.joining(", "));
        String sql = "INSERT INTO " + quote(options.database()) + "." + quote(options.table()) + " (" + names
                + ") FORMAT Native";
        String query = "query=" + URLEncoder.encode(sql, StandardCharsets.UTF_8)
                // A null in a column that has none is an error, not silently the default.
                + "&input_format_null_as_default=0"
                + "&input_format_skip_unknown_fields=0";
        String base = options.url().toString();
        return URI.create((base.endsWith("/") ? base : base + "/") + "?" + query);
    }

    private static String quote(String name) {
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`";
    }
}
