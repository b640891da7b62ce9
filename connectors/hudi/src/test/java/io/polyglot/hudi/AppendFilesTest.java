package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.apache.avro.Conversions;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.table.data.RowData;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the append path leaves on disk. */
class AppendFilesTest {
    @TempDir
    Path dir;

    @Test
    void valuesAndMetaColumnsAreRight() throws Exception {
        write(Fixtures.spec(dir, WriteOperationType.INSERT), Fixtures.rows(0, 100));
        var byId = Fixtures.read(dir).stream().collect(Collectors.toMap(r -> r.get("id").toString(), r -> r));
        assertThat(byId).hasSize(100);
        var record = byId.get("k7");
        var price = record.getSchema().getField("price").schema().getTypes().get(1);
        assertThat(new Conversions.DecimalConversion().fromFixed((GenericFixed) record.get("price"), price, price.getLogicalType()))
                .isEqualByComparingTo(new BigDecimal("-0.007"));
        assertThat(record.get("payload")).isEqualTo(ByteBuffer.wrap("p7".getBytes()));
        assertThat(record.get("at")).isEqualTo(1_723_000_000_007_005L);
        assertThat(record.get("_hoodie_record_key")).hasToString("k7");
        assertThat(record.get("_hoodie_partition_path")).hasToString("2024-10-05");
        assertThat(record.get("_hoodie_file_name").toString()).contains(record.get("_hoodie_commit_time").toString());
        assertThat(byId.values().stream().map(r -> r.get("_hoodie_commit_seqno").toString()).distinct()).hasSize(100);
    }

    @Test
    void oneFilePerPartitionHoweverTheRowsAreMixed() throws Exception {
        var rows = Fixtures.rows(0, 2_000);
        Collections.shuffle(rows, new Random(1));
        write(Fixtures.spec(dir, WriteOperationType.BULK_INSERT), rows);
        assertThat(files(Fixtures.read(dir))).isEqualTo(2);
    }

    @Test
    void morePartitionsThanOpenFilesLosesNothing() throws Exception {
        var rows = new ArrayList<RowData>();
        for (int id = 0; id < 300; id++) {
            rows.add(Fixtures.row(id, 20_000 + id % 10, 1));
        }
        write(Fixtures.spec(dir, WriteOperationType.BULK_INSERT), rows);
        assertThat(Fixtures.ids(dir)).isEqualTo(Fixtures.expectedIds(0, 300));
        assertThat(Fixtures.read(dir).stream().map(r -> r.get("_hoodie_commit_seqno").toString()).distinct()).hasSize(300);
    }

    @Test
    void aFullFileIsFollowedByAnother() throws Exception {
        write(Fixtures.spec(dir, WriteOperationType.BULK_INSERT, Map.of("hoodie.parquet.max.file.size", "20000",
                "hoodie.parquet.block.size", "10000")), Fixtures.rows(0, 5_000));
        assertThat(Fixtures.ids(dir)).isEqualTo(Fixtures.expectedIds(0, 5_000));
        assertThat(files(Fixtures.read(dir))).isGreaterThan(2);
    }

    @Test
    void aTableNeedsNeitherKeyNorPartition() throws Exception {
        var spec = new TableSpec(dir.toUri().toString(), "t", HoodieTableType.MERGE_ON_READ, WriteOperationType.BULK_INSERT,
                Fixtures.ROW, List.of(), List.of(), List.of(), 1, Map.of(), Map.of());
        write(spec, Fixtures.rows(0, 10));
        write(spec, Fixtures.rows(10, 20));
        assertThat(Fixtures.ids(dir)).isEqualTo(Fixtures.expectedIds(0, 20));
        assertThat(Fixtures.read(dir).stream().map(r -> r.get("_hoodie_record_key").toString()).distinct()).hasSize(20);
    }

    private static void write(TableSpec spec, List<RowData> rows) throws Exception {
        try (var run = new SinkRun(spec)) {
            run.write(rows).barrier();
            run.complete();
        }
    }

    private static long files(List<GenericRecord> records) {
        return records.stream().map(r -> r.get("_hoodie_file_name").toString()).distinct().count();
    }
}
