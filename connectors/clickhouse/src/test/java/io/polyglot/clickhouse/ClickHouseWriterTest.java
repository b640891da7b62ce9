package io.polyglot.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.stream.IntStream;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
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
        ClickHouseWriter writer = writer(Map.of("sink.batch-bytes", "50b"));
        write(writer, 10);
        writer.flush(false);
        assertThat(server.bodies).allSatisfy(body -> assertThat(body.length).isLessThan(100)).hasSizeGreaterThan(1);
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
        assertThat(server.queries.get(0)).startsWith("query=INSERT INTO `d\\`b`.`bars` (`id`, `n`) FORMAT Native&");
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
                "INSERT|1", "UPDATE_AFTER|1");
        RowData delete = GenericRowData.ofKind(RowKind.DELETE, StringData.fromString("x"), 1L);
        assertThatThrownBy(() -> writer.write(delete, null)).hasMessageContaining("cannot delete");
    }

    @Test
    void unusableOptionsAndColumnsAreRefused() {
        assertThatThrownBy(() -> options(Map.of("sink.batch-size", "0"))).isInstanceOf(ValidationException.class)
                .hasMessageContaining("sink.batch-size");
        assertThatThrownBy(() -> options(Map.of("url", "jdbc:clickhouse://h"))).hasMessageContaining("'url'");
        RowType bytes = row(DataTypes.FIELD("b", DataTypes.BYTES()));
        assertThatThrownBy(() -> new NativeBlock(bytes)).hasMessageContaining("Column 'b'");
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
        return IntStream.range(0, count).mapToObj(i -> "k|" + i).toList();
    }

    private ClickHouseWriter writer(Map<String, String> more) {
        ClickHouseOptions options = options(more);
        InsertClient client = new InsertClient(options, COLUMNS.getFieldNames(), metrics);
        return new ClickHouseWriter(client, new NativeBlock(COLUMNS), options, time, metrics);
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
