package io.polyglot.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.stream.IntStream;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.RowKind;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The writer against a server that takes, refuses, fails and disappears. */
@Timeout(30)
class ClickHouseWriterTest {
    private static final RowType COLUMNS = row(
            DataTypes.FIELD("id", DataTypes.STRING()), DataTypes.FIELD("n", DataTypes.BIGINT()));

    private FakeServer server;
    private final ManualTime time = new ManualTime();
    private final Metrics metrics = new Metrics();

    @BeforeEach
    void start() throws IOException {
        server = new FakeServer().start();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void fullBatchesAreSentAtOnceAndTheRestAtTheCheckpoint() throws Exception {
        ClickHouseWriter writer = writer(Map.of("sink.batch-size", "10"));
        write(writer, 25);
        assertThat(server.bodies).hasSize(2);
        writer.flush(false);
        assertThat(server.bodies).hasSize(3);
        assertThat(server.rows()).isEqualTo(expected(25));
        assertThat(metrics.getNumRecordsSendCounter().getCount()).isEqualTo(25);
        writer.flush(false);
        assertThat(server.bodies).as("nothing new, no request").hasSize(3);
    }

    @Test
    void batchesAreBoundedInBytesToo() throws Exception {
        ClickHouseWriter writer = writer(Map.of("sink.batch-bytes", "100b"));
        write(writer, 10);
        writer.flush(false);
        assertThat(server.bodies).allSatisfy(body -> assertThat(body.length()).isLessThan(130)).hasSizeGreaterThan(1);
        assertThat(server.rows()).isEqualTo(expected(10));
    }

    @Test
    void rowsWaitNoLongerThanTheFlushInterval() throws Exception {
        ClickHouseWriter writer = writer(Map.of("sink.flush-interval", "200ms"));
        write(writer, 1);
        time.advance(150);
        write(writer, 1);
        assertThat(server.bodies).isEmpty();
        time.advance(49);
        assertThat(server.bodies).isEmpty();
        time.advance(1);
        assertThat(server.bodies).as("both rows, 200 ms after the first").hasSize(1);
        time.advance(1000);
        assertThat(server.bodies).hasSize(1);
        write(writer, 1);
        time.advance(200);
        assertThat(server.bodies).as("the timer is set anew").hasSize(2);
    }

    @Test
    void namesTableAndColumnsAndUser() throws Exception {
        ClickHouseWriter writer = writer(Map.of("database-name", "d`b", "username", "ann", "password", "s e"));
        write(writer, 1);
        writer.flush(false);
        assertThat(server.queries.get(0)).startsWith("query=INSERT INTO `d\\`b`.`bars` (`id`, `n`) FORMAT JSONEachRow&");
        assertThat(server.users).containsExactly("ann:s e");
    }

    @Test
    void overloadIsRetriedUntilTheServerTakesTheRows() throws Exception {
        server.failures.add(new FakeServer.Answer(500, "Code: 252. DB::Exception: Too many parts"));
        server.failures.add(new FakeServer.Answer(503, "busy"));
        server.failures.add(new FakeServer.Answer(429, "slow down"));
        ClickHouseWriter writer = writer(Map.of());
        write(writer, 5);
        writer.flush(false);
        assertThat(server.rows()).isEqualTo(expected(5));
        assertThat(metrics.getNumRecordsSendErrorsCounter().getCount()).isEqualTo(15);
        assertThat(metrics.counter("clickhouseRetries").getCount()).isEqualTo(3);
        assertThat(metrics.getNumRecordsSendCounter().getCount()).isEqualTo(5);
    }

    @Test
    void refusedRowsFailAtOnceWithTheServersWords() throws Exception {
        server.failures.add(new FakeServer.Answer(404, "Code: 60. DB::Exception: Unknown table"));
        ClickHouseWriter writer = writer(Map.of());
        write(writer, 1);
        assertThatThrownBy(() -> writer.flush(false))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("HTTP 404: Code: 60. DB::Exception: Unknown table");
        assertThat(server.failures).as("one attempt").isEmpty();
        assertThat(server.bodies).isEmpty();
    }

    @Test
    void aServerThatComesBackGetsEveryRow() throws Exception {
        server.close();
        FakeServer late = new FakeServer();
        ClickHouseWriter writer = writer(Map.of("url", late.url(), "sink.max-retries", "1000000"));
        write(writer, 3);
        Thread flusher = new Thread(() -> {
            try {
                writer.flush(false);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        flusher.start();
        while (metrics.getNumRecordsSendErrorsCounter().getCount() < 6) {
            Thread.onSpinWait();
        }
        assertThat(flusher.isAlive()).as("blocked: that is the back-pressure").isTrue();
        try (FakeServer back = late.start()) {
            flusher.join();
            assertThat(back.rows()).isEqualTo(expected(3));
        }
    }

    @Test
    void aServerThatStaysAwayFailsTheJob() throws Exception {
        server.close();
        ClickHouseWriter writer = writer(Map.of("sink.max-retries", "2"));
        write(writer, 1);
        assertThatThrownBy(() -> writer.flush(false)).hasMessageContaining("did not take 1 rows in 3 attempts");
        assertThat(metrics.getNumRecordsSendCounter().getCount()).isZero();
    }

    @Test
    void cancellingInterruptsTheWait() throws Exception {
        server.close();
        ClickHouseWriter writer = writer(Map.of("sink.retry.initial-backoff", "1h", "sink.retry.max-backoff", "1h"));
        write(writer, 1);
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> writer.flush(false)).isInstanceOf(InterruptedException.class);
    }

    @Test
    void updatesAreInsertsAndDeletesAreRefused() throws Exception {
        ClickHouseWriter writer = writer(Map.of());
        for (RowKind kind : new RowKind[] {RowKind.INSERT, RowKind.UPDATE_BEFORE, RowKind.UPDATE_AFTER}) {
            RowData row = GenericRowData.ofKind(kind, StringData.fromString(kind.name()), 1L);
            writer.write(row, null);
        }
        writer.flush(false);
        assertThat(server.rows()).containsExactly(
                "{\"id\":\"INSERT\",\"n\":\"1\"}", "{\"id\":\"UPDATE_AFTER\",\"n\":\"1\"}");
        RowData delete = GenericRowData.ofKind(RowKind.DELETE, StringData.fromString("x"), 1L);
        assertThatThrownBy(() -> writer.write(delete, null)).hasMessageContaining("cannot delete");
    }

    @Test
    void valuesAreExactJson() {
        RowType types = row(
                DataTypes.FIELD("text", DataTypes.STRING()),
                DataTypes.FIELD("price", DataTypes.DECIMAL(28, 12)),
                DataTypes.FIELD("small", DataTypes.DECIMAL(38, 24)),
                DataTypes.FIELD("at", DataTypes.TIMESTAMP_LTZ(6)),
                DataTypes.FIELD("ms", DataTypes.TIMESTAMP(3)),
                DataTypes.FIELD("s", DataTypes.TIMESTAMP(0)),
                DataTypes.FIELD("day", DataTypes.DATE()),
                DataTypes.FIELD("flag", DataTypes.BOOLEAN()),
                DataTypes.FIELD("ratio", DataTypes.DOUBLE()),
                DataTypes.FIELD("nothing", DataTypes.STRING()));
        TimestampData at = TimestampData.fromInstant(Instant.parse("2024-08-08T23:59:59.123456Z"));
        JsonBuffer out = new JsonBuffer();
        new JsonRows(types).write(GenericRowData.of(
                StringData.fromString("a\"b\\c\n\u0001é✓"),
                DecimalData.fromBigDecimal(new BigDecimal("-0.000000000001"), 28, 12),
                DecimalData.fromBigDecimal(new BigDecimal("1E-24"), 38, 24),
                at, at, at, 19943, true, 0.1, null), out);
        assertThat(new String(out.toBytes(), java.nio.charset.StandardCharsets.UTF_8)).isEqualTo(
                "{\"text\":\"a\\\"b\\\\c\\u000a\\u0001é✓\",\"price\":\"-0.000000000001\","
                        + "\"small\":\"0.000000000000000000000001\",\"at\":\"2024-08-08 23:59:59.123456\","
                        + "\"ms\":\"2024-08-08 23:59:59.123\",\"s\":\"2024-08-08 23:59:59\",\"day\":\"2024-08-08\","
                        + "\"flag\":true,\"ratio\":\"0.1\",\"nothing\":null}\n");
    }

    @Test
    void unusableOptionsAndColumnsAreRefused() {
        assertThatThrownBy(() -> options(Map.of("sink.batch-size", "0"))).isInstanceOf(ValidationException.class)
                .hasMessageContaining("sink.batch-size");
        assertThatThrownBy(() -> options(Map.of("url", "jdbc:clickhouse://h"))).hasMessageContaining("'url'");
        RowType bytes = row(DataTypes.FIELD("b", DataTypes.BYTES()));
        assertThatThrownBy(() -> new JsonRows(bytes)).hasMessageContaining("Column 'b'");
    }

    private static RowType row(DataTypes.Field... fields) {
        return (RowType) DataTypes.ROW(fields).getLogicalType();
    }

    private static void write(ClickHouseWriter writer, int count) throws Exception {
        for (int i = 0; i < count; i++) {
            writer.write(GenericRowData.of(StringData.fromString("k"), (long) i), null);
        }
    }

    private static java.util.List<String> expected(int count) {
        return IntStream.range(0, count).mapToObj(i -> "{\"id\":\"k\",\"n\":\"" + i + "\"}").toList();
    }

    private ClickHouseWriter writer(Map<String, String> more) {
        ClickHouseOptions options = options(more);
        JsonRows rows = new JsonRows(COLUMNS);
        return new ClickHouseWriter(new InsertClient(options, rows.columns(), metrics), rows, options, time, metrics);
    }

    private ClickHouseOptions options(Map<String, String> more) {
        Map<String, String> all = new HashMap<>(Map.of(
                "url", server.url(), "table-name", "bars", "sink.retry.initial-backoff", "1ms",
                "sink.retry.max-backoff", "5ms"));
        all.putAll(more);
        return ClickHouseOptions.of(all);
    }

    /** A clock that a test moves; timers run in the caller's thread as in a task's mailbox. */
    private static final class ManualTime implements ProcessingTimeService {
        private record Timer(long at, ProcessingTimeCallback callback) {}

        private final PriorityQueue<Timer> timers =
                new PriorityQueue<>((a, b) -> Long.compare(a.at(), b.at()));
        private long now;

        void advance(long millis) throws Exception {
            now += millis;
            while (!timers.isEmpty() && timers.peek().at() <= now) {
                timers.poll().callback().onProcessingTime(now);
            }
        }

        @Override
        public long getCurrentProcessingTime() {
            return now;
        }

        @Override
        public ScheduledFuture<?> registerTimer(long at, ProcessingTimeCallback callback) {
            timers.add(new Timer(at, callback));
            return null;
        }
    }
}
