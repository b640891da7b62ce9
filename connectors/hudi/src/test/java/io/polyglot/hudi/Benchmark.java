package io.polyglot.hudi;

import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.RowType;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;

/**
 * Rates of the sink on one thread, in CPU time, which other load on the machine does not change much. Run by hand:
 * {@code java -cp … io.polyglot.hudi.Benchmark [key=value hoodie options]}.
 */
final class Benchmark {
    private static final RowType TRADE = (RowType) DataTypes.ROW(
                    DataTypes.FIELD("event_id", DataTypes.STRING().notNull()),
                    DataTypes.FIELD("entity_id", DataTypes.STRING().notNull()),
                    DataTypes.FIELD("venue", DataTypes.STRING()),
                    DataTypes.FIELD("event_time", DataTypes.TIMESTAMP_LTZ(6)),
                    DataTypes.FIELD("ingest_time", DataTypes.TIMESTAMP_LTZ(6)),
                    DataTypes.FIELD("source_id", DataTypes.STRING()),
                    DataTypes.FIELD("source_seq", DataTypes.BIGINT()),
                    DataTypes.FIELD("entity_seq", DataTypes.BIGINT()),
                    DataTypes.FIELD("price", DataTypes.DECIMAL(27, 12)),
                    DataTypes.FIELD("size", DataTypes.DECIMAL(27, 12)),
                    DataTypes.FIELD("trade_id", DataTypes.BIGINT()),
                    DataTypes.FIELD("taker_buy", DataTypes.BOOLEAN()),
                    DataTypes.FIELD("payload", DataTypes.BYTES()),
                    DataTypes.FIELD("day", DataTypes.DATE().notNull()))
            .getLogicalType();

    private Benchmark() {}

    public static void main(String[] args) throws Exception {
        var hoodie = Arrays.stream(args).map(a -> a.split("=", 2)).collect(java.util.stream.Collectors.toMap(a -> a[0], a -> a[1]));
        var dir = Files.createTempDirectory("hudi-bench");
        try {
            var only = hoodie.remove("only");
            if (only == null || only.equals("cow")) {
                upsert(dir.resolve("upsert"), hoodie, HoodieTableType.COPY_ON_WRITE);
            }
            if (only == null || only.equals("mor")) {
                upsert(dir.resolve("upsert-mor"), hoodie, HoodieTableType.MERGE_ON_READ);
            }
        } finally {
            try (var files = Files.walk(dir)) {
                files.sorted(Comparator.reverseOrder()).forEach(f -> f.toFile().delete());
            }
        }
    }

    private static void upsert(Path path, Map<String, String> hoodie, HoodieTableType type) throws Exception {
        var spec = new TableSpec(path.toUri().toString(), "bars", type, WriteOperationType.UPSERT,
                TRADE, List.of("entity_id", "trade_id"), List.of("day"), List.of("entity_seq"), hoodie);
        try (var run = new SinkRun(spec)) {
            for (int commit = 0; commit < 30; commit++) {
                var rows = new java.util.ArrayList<RowData>();
                for (int i = 0; i < 3_000; i++) {
                    rows.add(trade(commit * 2_000 + i));
                }
                long t0 = cpu();
                long w0 = System.nanoTime();
                run.write(rows);
                run.barrier();
                long t1 = cpu();
                run.complete();
                if (commit % 3 == 2 || System.nanoTime() - w0 > 2_000_000_000L) {
                    System.out.printf("upsert %s #%d: 3000 rows into %,d: write+barrier %d ms cpu, commit %d ms cpu, %d ms wall%n", type,
                            commit, commit * 2_000, (t1 - t0) / 1_000_000, (cpu() - t1) / 1_000_000, (System.nanoTime() - w0) / 1_000_000);
                }
            }
        }
        report(path);
    }

    private static RowData trade(int i) {
        return GenericRowData.of(
                text(String.format("%016x%016x", i * 0x9E3779B97F4A7C15L, i * 0xC2B2AE3D27D4EB4FL)), text("binance_usdm:SYM" + i % 50 + "USDT"),
                text("binance_usdm"), TimestampData.fromEpochMillis(1_723_000_000_000L + i, i % 1000 * 1000),
                TimestampData.fromEpochMillis(1_723_000_000_005L + i, i % 1000 * 1000), text("collector-1"), (long) i, (long) i / 50,
                DecimalData.fromBigDecimal(BigDecimal.valueOf(6_000_000_000L + i * 31L % 1_000_000, 5).setScale(12), 27, 12),
                DecimalData.fromBigDecimal(BigDecimal.valueOf(1 + i * 17L % 100_000, 3).setScale(12), 27, 12), 5_000_000L + i, i % 2 == 0,
                ("{\"e\":\"trade\",\"E\":" + (1_723_000_000_000L + i) + ",\"T\":1723000000000,\"s\":\"SYM" + i % 50 + "USDT\",\"t\":" + i
                        + ",\"p\":\"60000." + i % 10_000 + "\",\"q\":\"0." + i % 1000 + "\",\"X\":\"MARKET\",\"m\":true}")
                        .getBytes(StandardCharsets.UTF_8), 20_000 + i % 2);
    }

    private static StringData text(String value) {
        return StringData.fromBytes(value.getBytes(StandardCharsets.UTF_8));
    }

    private static long cpu() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static void report(Path path) throws Exception {
        try (var files = Files.walk(path)) {
            long bytes = 0;
            int count = 0;
            for (var file : files.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(file);
                count++;
            }
            System.out.printf("%s: %d files, %,d kB%n", path.getFileName(), count, bytes / 1000);
        }
    }
}
