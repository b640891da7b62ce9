package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.hudi.common.model.WriteOperationType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Append path: every place where an attempt can die, and what the next one makes of it. */
class AppendCrashTest {
    @TempDir
    Path dir;

    private Path table;
    private TableSpec spec;

    @BeforeEach
    void setUp() {
        table = dir.resolve("t");
        spec = Fixtures.spec(table, WriteOperationType.BULK_INSERT);
    }

    @Test
    void rowsAppearWhenTheirCheckpointCompletes() throws Exception {
        try (var run = new SinkRun(spec)) {
            run.write(Fixtures.rows(0, 10)).barrier();
            assertThat(Fixtures.ids(table)).isEmpty();
            run.complete();
            assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 10));
        }
    }

    @Test
    void aCheckpointWithoutRowsCommitsNothing() throws Exception {
        try (var run = new SinkRun(spec)) {
            run.barrier();
            run.complete();
            assertThat(Fixtures.completedCommits(table)).isZero();
            assertThat(Fixtures.pendingInstants(table)).isZero();
        }
    }

    @Test
    void severalCheckpointsMayWaitAtOnce() throws Exception {
        try (var run = new SinkRun(spec)) {
            run.write(Fixtures.rows(0, 10)).barrier();
            run.write(Fixtures.rows(10, 20)).barrier();
            run.write(Fixtures.rows(20, 30));
            run.complete();
            assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 20));
            run.barrier();
            run.complete();
            assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 30));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void diesBetweenBarrierAndCommit(boolean writerFirst) throws Exception {
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(spec)) {
            checkpoint = run.write(Fixtures.rows(0, 10)).barrier();
            run.write(Fixtures.rows(10, 17));
        }
        try (var run = new SinkRun(spec, checkpoint, writerFirst)) {
            assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 10));
            run.write(Fixtures.rows(10, 20)).barrier();
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 20));
        assertThat(Fixtures.pendingInstants(table)).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void diesAfterCommit(boolean writerFirst) throws Exception {
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(spec)) {
            checkpoint = run.write(Fixtures.rows(0, 10)).barrier();
            run.complete();
        }
        try (var run = new SinkRun(spec, checkpoint, writerFirst)) {
            assertThat(run.alreadyCommitted()).isEqualTo(1);
        }
        assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 10));
    }

    @Test
    void diesBeforeAnyCheckpoint() throws Exception {
        dieBeforeAnyCheckpoint();
        assertThat(Fixtures.pendingInstants(table)).isEqualTo(1);
        startAnewAndEnd();
        try (var files = Files.walk(table)) {
            assertThat(files.filter(f -> f.toString().endsWith(".parquet"))).hasSize(2);
        }
    }

    @Test
    void diesAfterCheckpointsThatNeverCompleted() throws Exception {
        try (var run = new SinkRun(spec)) {
            run.write(Fixtures.rows(0, 10)).barrier();
            run.write(Fixtures.rows(10, 20)).barrier();
            run.write(Fixtures.rows(20, 30));
        }
        assertThat(Fixtures.pendingInstants(table)).isEqualTo(3);
        try (var run = new SinkRun(spec)) {
            run.write(Fixtures.rows(0, 5)).barrier();
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 5));
        assertThat(Fixtures.pendingInstants(table)).isZero();
    }

    @Test
    void dyingAgainAndAgainLosesNothing() throws Exception {
        var checkpoint = SinkRun.Checkpoint.NONE;
        for (int attempt = 0; attempt < 4; attempt++) {
            try (var run = new SinkRun(spec, checkpoint, attempt % 2 == 0)) {
                checkpoint = run.write(Fixtures.rows(attempt * 10, attempt * 10 + 10)).barrier();
                run.write(Fixtures.rows(900, 910));
            }
        }
        new SinkRun(spec, checkpoint, true).close();
        assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 40));
        assertThat(Fixtures.pendingInstants(table)).isZero();
    }

    /** What {@link ClusterTest} meets by chance: Flink interrupts a task that it cancels, wherever that is. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void diesWhileRollingBack(boolean beforeTheInstantIsGone) throws Exception {
        dieBeforeAnyCheckpoint();
        cutOffRollback(beforeTheInstantIsGone);
        startAnewAndEnd();
        assertThat(Fixtures.pendingInstants(table)).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void diesWhileTheRollbackIsPlanned(boolean nothingWritten) throws Exception {
        dieBeforeAnyCheckpoint();
        var rollback = cutOffRollback(true);
        Files.delete(rollback.resolveSibling(rollback.getFileName() + ".inflight"));
        var plan = rollback.resolveSibling(rollback.getFileName() + ".requested");
        Files.write(plan, Arrays.copyOf(Files.readAllBytes(plan), nothingWritten ? 0 : 100));
        startAnewAndEnd();
    }

    @Test
    void anInstantHalfRolledBackFailsLoudly() throws Exception {
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(spec)) {
            checkpoint = run.write(Fixtures.rows(0, 10)).barrier();
        }
        // Started without its checkpoint, which removes the instant, and then with it.
        cutOffRollback(true);
        assertThatThrownBy(() -> new SinkRun(spec, checkpoint, false))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("is gone from the timeline");
    }

    @Test
    void aVanishedInstantFailsLoudly() throws Exception {
        SinkRun.Checkpoint checkpoint;
        try (var run = new SinkRun(spec)) {
            checkpoint = run.write(Fixtures.rows(0, 10)).barrier();
        }
        // Another writer, unaware of the job, cleans up what looks abandoned.
        new SinkRun(spec).close();
        assertThatThrownBy(() -> new SinkRun(spec, checkpoint, false))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("is gone from the timeline");
    }

    @Test
    void anArchivedInstantCountsAsCommitted() throws Exception {
        spec = Fixtures.spec(table, WriteOperationType.BULK_INSERT, Map.of("hoodie.keep.min.commits", "2",
                "hoodie.keep.max.commits", "3", "hoodie.clean.commits.retained", "1", "hoodie.commits.archival.batch", "1"));
        SinkRun.Checkpoint first;
        try (var run = new SinkRun(spec)) {
            first = run.write(Fixtures.rows(0, 2)).barrier();
            run.complete();
            for (int i = 1; i < 8; i++) {
                run.write(Fixtures.rows(2 * i, 2 * i + 2)).barrier();
                run.complete();
            }
        }
        assertThat(Fixtures.completedCommits(table)).isLessThan(8);
        try (var run = new SinkRun(spec, first, false)) {
            assertThat(run.alreadyCommitted()).isEqualTo(1);
        }
        assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 16));
    }

    private void dieBeforeAnyCheckpoint() throws Exception {
        try (var run = new SinkRun(spec)) {
            run.write(Fixtures.rows(0, 10));
        }
    }

    /** Begins without what was left behind, writes the same rows and has them once. */
    private void startAnewAndEnd() throws Exception {
        try (var run = new SinkRun(spec)) {
            assertThat(Fixtures.pendingInstants(table)).isZero();
            run.write(Fixtures.rows(0, 10)).barrier();
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(Fixtures.expectedIds(0, 10));
    }

    /**
     * Rolls the pending instant back, without the last steps.
     *
     * @return where in the timeline the rollback lies, without its state
     */
    private Path cutOffRollback(boolean beforeTheInstantIsGone) throws Exception {
        var timeline = table.resolve(".hoodie/timeline");
        var before = timeline(timeline);
        new SinkRun(spec).close();
        var done = timeline(timeline).stream().filter(f -> f.toString().endsWith(".rollback")).findFirst().orElseThrow();
        Files.delete(done);
        if (beforeTheInstantIsGone) {
            for (var file : before) {
                if (Files.notExists(file)) {
                    Files.createFile(file);
                }
            }
        }
        var requested = done.getFileName().toString().split("_")[0];
        return timeline.resolve(requested + ".rollback");
    }

    private static List<Path> timeline(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.toList();
        }
    }
}
