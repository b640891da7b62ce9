package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.RowKind;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Upsert path: the view is the highest version per key, whatever the order, the commits and the crashes. */
class UpsertTest {
    @TempDir
    Path dir;

    /** The log files of a MERGE_ON_READ table are merged by Hudi's own compaction, at the second of two commits. */
    @ParameterizedTest
    @EnumSource(HoodieTableType.class)
    void theHighestVersionWinsInAnyOrder(HoodieTableType type) throws Exception {
        var spec = spec(type, Map.of("hoodie.compact.inline", String.valueOf(type == HoodieTableType.MERGE_ON_READ),
                "hoodie.compact.inline.max.delta.commits", "2"));
        var random = new Random(7);
        var expected = new HashMap<String, Long>();
        try (var run = new SinkRun(spec)) {
            for (int commit = 0; commit < 4; commit++) {
                var rows = new ArrayList<RowData>();
                for (int i = 0; i < 300; i++) {
                    int id = random.nextInt(50);
                    long version = random.nextInt(1000);
                    rows.add(Fixtures.row(id, 20_000 + id % 2, version));
                    expected.merge("k" + id, version, Math::max);
                }
                run.write(rows).barrier();
                run.complete();
            }
        }
        assertThat(view()).isEqualTo(expected);
    }

    @Test
    void aCommitRepeatedAfterACrashChangesNothing() throws Exception {
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(spec())) {
            run.write(List.of(Fixtures.row(1, 20_000, 5))).barrier();
            run.complete();
            checkpoint = run.write(List.of(Fixtures.row(1, 20_000, 6), Fixtures.row(2, 20_000, 1))).barrier();
            run.complete();
        }
        try (var run = new SinkRun(spec(), checkpoint)) {
            assertThat(view()).isEqualTo(Map.of("k1", 6L, "k2", 1L));
            run.write(List.of(Fixtures.row(1, 20_000, 7))).barrier();
            run.complete();
        }
        assertThat(view()).isEqualTo(Map.of("k1", 7L, "k2", 1L));
    }

    /** A savepoint's rows are committed by the version that starts from it, and its table may have a column more. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void rowsSavedBeforeAColumnWasAddedLackIt(int version) throws Exception {
        var wide = spec();
        var columns = new ArrayList<>(wide.rowType().getFields());
        columns.removeIf(column -> column.getName().equals("payload"));
        var narrow = new TableSpec(wide.path(), wide.name(), wide.type(), wide.operation(), new RowType(columns),
                wide.keyFields(), wide.partitionFields(), wide.orderingFields(), Map.of());
        var now = new TableSpec(wide.path(), wide.name(), wide.type(), wide.operation(), wide.rowType(),
                wide.keyFields(), wide.partitionFields(), wide.orderingFields(), Map.of(), List.of("payload"));
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(narrow)) {
            var full = Fixtures.row(1, 20_000, 5);
            checkpoint = run.write(List.of(GenericRowData.of(full.getString(0), full.getInt(1), full.getDecimal(2, 27, 12),
                    full.getTimestamp(4, 6), full.getLong(5)))).barrier();
        }
        if (version == 2) {
            checkpoint = new SinkRun.Checkpoint(checkpoint.committables().stream().map(UpsertTest::withoutColumns).toList());
        }
        try (var run = new SinkRun(now, checkpoint)) {
            run.write(List.of(Fixtures.row(2, 20_000, 1))).barrier();
            run.complete();
        }
        assertThat(view()).isEqualTo(Map.of("k1", 5L, "k2", 1L));
        var payloads = new HashMap<String, Boolean>();
        Fixtures.read(dir).forEach(row -> payloads.put(row.get("id").toString(), row.get("payload") != null));
        assertThat(payloads).isEqualTo(Map.of("k1", false, "k2", true));
        assertThatThrownBy(() -> EarlierRows.of(narrow, now.rowType().getFieldNames())).hasMessageContaining("payload");
    }

    /** The same rows as 0.2.0 saved them. */
    private static byte[] withoutColumns(byte[] saved) {
        try {
            var found = SimpleVersionedSerialization.readVersionAndDeSerialize(new Serializers.Committables(), saved);
            var out = new DataOutputSerializer(64);
            out.writeInt(2);
            out.writeInt(8 + found.rows().length);
            out.writeInt(found.count());
            out.writeInt(found.rows().length);
            out.write(found.rows());
            return out.getCopyOfBuffer();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void diesBetweenBarrierAndCommit() throws Exception {
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(spec())) {
            checkpoint = run.write(Fixtures.rows(0, 10)).barrier();
        }
        assertThat(dir.resolve("2024-10-04")).doesNotExist();
        new SinkRun(spec(), checkpoint).close();
        assertThat(Fixtures.ids(dir)).isEqualTo(Fixtures.expectedIds(0, 10));
    }

    @Test
    void checkpointsWithoutRowsCommitNothing() throws Exception {
        try (var run = new SinkRun(spec())) {
            run.barrier();
            run.complete();
        }
        assertThat(Fixtures.completedCommits(dir)).isZero();
    }

    @Test
    void oldRowsOfUpdatesAreIgnoredAndDeletesRefused() throws Exception {
        var before = Fixtures.row(1, 20_000, 9);
        before.setRowKind(RowKind.UPDATE_BEFORE);
        var delete = Fixtures.row(1, 20_000, 9);
        delete.setRowKind(RowKind.DELETE);
        try (var run = new SinkRun(spec())) {
            run.write(List.of(Fixtures.row(1, 20_000, 1), before)).barrier();
            run.complete();
            assertThat(view()).isEqualTo(Map.of("k1", 1L));
            assertThatThrownBy(() -> run.write(List.of(delete))).hasMessageContaining("no deletes");
        }
    }

    @Test
    void anotherTableAtThePathIsRefused() throws Exception {
        new SinkRun(spec()).close();
        var other = spec();
        var wrongKey = new TableSpec(other.path(), other.name(), other.type(), other.operation(), other.rowType(),
                List.of("id", "version"), other.partitionFields(), other.orderingFields(), Map.of());
        assertThatThrownBy(() -> new SinkRun(wrongKey))
                .isInstanceOf(ValidationException.class).hasMessageContaining("record key [id]");
    }

    @Test
    void aMergeOnReadCommitRepeatedAfterACrashChangesNothing() throws Exception {
        var spec = spec(HoodieTableType.MERGE_ON_READ, Map.of());
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(spec)) {
            checkpoint = run.write(Fixtures.rows(0, 50)).barrier();
            run.complete();
        }
        var compacting = spec(HoodieTableType.MERGE_ON_READ,
                Map.of("hoodie.compact.inline", "true", "hoodie.compact.inline.max.delta.commits", "1"));
        new SinkRun(compacting, checkpoint).close();
        assertThat(Fixtures.ids(dir)).isEqualTo(Fixtures.expectedIds(0, 50));
    }

    /** Without compaction the log of a key outlives its instant's place in the active timeline. */
    @Test
    void aMergeOnReadTableKeepsItsRowsWhenTheirInstantsAreArchived() throws Exception {
        var services = Map.of("hoodie.keep.min.commits", "3", "hoodie.keep.max.commits", "4", "hoodie.clean.commits.retained", "2",
                "hoodie.clean.trigger.max.commits", "2", "hoodie.commits.archival.batch", "1");
        var expected = new HashMap<String, Long>();
        try (var run = new SinkRun(spec(HoodieTableType.MERGE_ON_READ, services))) {
            for (int commit = 0; commit < 12; commit++) {
                run.write(List.of(Fixtures.row(commit, 20_000, 1), Fixtures.row(99, 20_000, 100 - commit))).barrier();
                run.complete();
                expected.put("k" + commit, 1L);
            }
        }
        expected.put("k99", 100L);
        assertThat(Fixtures.completedCommits(dir)).isLessThan(12);
        var compacting = spec(HoodieTableType.MERGE_ON_READ,
                Map.of("hoodie.compact.inline", "true", "hoodie.compact.inline.max.delta.commits", "1"));
        try (var run = new SinkRun(compacting)) {
            run.write(Fixtures.rows(50, 60)).barrier();
            run.complete();
        }
        Fixtures.expectedIds(50, 60).forEach(id -> expected.put(id, 1L));
        assertThat(view()).isEqualTo(expected);
    }

    /** A key must find its file group again by its hash alone, or a later version would become a second row. */
    @Test
    void aMergeOnReadPartitionHasOneFileGroupPerBucket() throws Exception {
        try (var run = new SinkRun(spec(HoodieTableType.MERGE_ON_READ, Map.of("hoodie.bucket.index.num.buckets", "3")))) {
            for (int commit = 0; commit < 3; commit++) {
                run.write(Fixtures.rows(0, 200)).barrier();
                run.complete();
            }
        }
        try (var files = Files.list(dir.resolve("2024-10-04"))) {
            var groups = files.map(f -> f.getFileName().toString()).filter(f -> f.contains(".log."))
                    .collect(Collectors.groupingBy(f -> f.substring(1, f.indexOf('_')), Collectors.counting()));
            assertThat(groups).hasSize(3).allSatisfy((group, logs) -> assertThat(logs).isEqualTo(3));
        }
    }

    private TableSpec spec() {
        return Fixtures.spec(dir, WriteOperationType.UPSERT);
    }

    private TableSpec spec(HoodieTableType type, Map<String, String> hoodie) {
        return new TableSpec(dir.toUri().toString(), "t", type, WriteOperationType.UPSERT, Fixtures.ROW, List.of("id"), List.of("day"),
                List.of("version"), hoodie);
    }

    private Map<String, Long> view() {
        var result = new HashMap<String, Long>();
        for (var record : Fixtures.read(dir)) {
            assertThat(result.put(record.get("id").toString(), (Long) record.get("version"))).as("one row per key").isNull();
        }
        return result;
    }
}
