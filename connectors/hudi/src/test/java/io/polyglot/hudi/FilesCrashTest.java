package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.util.FileUtils;
import org.apache.hudi.common.model.WriteOperationType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files: every place where an attempt can die, and what the next one makes of it. */
class FilesCrashTest {
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
    void filesOfAllWritersAppearInOneCommitWhenTheirCheckpointCompletes() throws Exception {
        try (var run = new FilesRun(spec)) {
            run.write(0, file(0, 10)).write(1, file(1, 10), file(10, 20)).barrier();
            assertThat(Fixtures.ids(table)).isEmpty();
            assertThat(Fixtures.pendingInstants(table)).isZero();
            run.complete();
        }
        assertThat(Fixtures.completedCommits(table)).isEqualTo(1);
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10, 1, 10, 10, 20));
        assertThat(staged()).isEmpty();
    }

    @Test
    void theInstantStandsWhereTheTokenWas() throws Exception {
        var file = file(0, 10);
        try (var run = new FilesRun(spec)) {
            run.write(0, file).barrier();
            run.complete();
        }
        var instant = Fixtures.metaClient(table).getActiveTimeline().lastInstant().get().requestedTime();
        var stored = parquet().get(0);
        assertThat(stored.getFileName()).hasToString(file.name().replace(file.token(), instant));
        assertThat(Fixtures.read(table)).hasSize(5).allSatisfy(row -> {
            assertThat(row.get("_hoodie_commit_time")).hasToString(instant);
            assertThat(row.get("_hoodie_file_name")).hasToString(stored.getFileName().toString());
        });
        // In the footer's statistics, too: readers skip files by them.
        assertThat(LakeFile.bind(Files.readAllBytes(stored), file.token(), instant)).isZero();
    }

    @Test
    void aCheckpointWithoutFilesCommitsNothing() throws Exception {
        try (var run = new FilesRun(spec)) {
            run.write(0).barrier();
            run.complete();
            assertThat(Fixtures.completedCommits(table)).isZero();
        }
    }

    @Test
    void severalCheckpointsMayWaitAtOnce() throws Exception {
        try (var run = new FilesRun(spec)) {
            run.write(0, file(0, 10)).barrier();
            run.write(1, file(10, 20)).barrier();
            run.write(0, file(20, 30));
            run.complete();
            assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 20));
            run.barrier();
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 30));
        assertThat(Fixtures.completedCommits(table)).isEqualTo(3);
    }

    @Test
    void diesBeforeTheBarrier() throws Exception {
        try (var run = new FilesRun(spec)) {
            run.write(0, file(0, 10));
        }
        try (var run = new FilesRun(spec)) {
            run.write(0, file(0, 10)).barrier();
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatNobodyRefersToGoesWhenItIsOld(boolean old) throws Exception {
        FilesRun.Checkpoint checkpoint;
        try (var run = new FilesRun(spec)) {
            checkpoint = run.write(0, file(0, 10)).barrier();
            run.write(0, file(10, 20));
        }
        for (var file : staged()) {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofHours(old ? 2 : 0))));
        }
        // The restored batch is old as well and must not be swept before its commit.
        try (var run = new FilesRun(spec, checkpoint)) {
            assertThat(staged()).hasSize(1);
            run.write(1, file(10, 20)).barrier();
            run.complete();
        }
        assertThat(staged()).hasSize(old ? 0 : 1);
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 20));
    }

    @Test
    void aRunThatGoesOnFromAnOlderSavepointTakesBackWhatTheRunInBetweenCommitted() throws Exception {
        FilesRun.Checkpoint savepoint;
        try (var old = new FilesRun(spec, FilesRun.Checkpoint.NONE, "old", Set.of())) {
            savepoint = old.write(0, file(0, 10)).barrier();
            old.complete();
        }
        try (var failed = new FilesRun(spec, savepoint, "failed", Set.of("old"))) {
            failed.write(0, file(10, 20)).barrier();
            failed.complete();
            failed.write(1, file(20, 30)).barrier();
            failed.complete();
            failed.write(1, file(30, 40)).barrier();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 30));
        for (int attempt = 0; attempt < 2; attempt++) {
            try (var again = new FilesRun(spec, savepoint, "again", Set.of("old", "failed"))) {
                assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10));
                if (attempt == 1) {
                    again.write(0, file(10, 30)).barrier();
                    again.complete();
                }
            }
        }
    }

    @Test
    void aRunThatGoesOnFromASavepointOfARunThatWentOnTakesBackWhatCameBehindIt() throws Exception {
        FilesRun.Checkpoint savepoint;
        FilesRun.Checkpoint last;
        try (var first = new FilesRun(spec, FilesRun.Checkpoint.NONE, "first", Set.of())) {
            savepoint = first.write(0, file(0, 10)).barrier();
            first.complete();
            last = first.write(0, file(10, 20)).barrier();
            first.complete();
        }
        try (var next = new FilesRun(spec, last, "next", Set.of("first"))) {
            assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 20));
        }
        try (var back = new FilesRun(spec, savepoint, "back", Set.of("first", "next"))) {
            assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10));
        }
        // Without state, nothing is known of what was committed.
        try (var fresh = new FilesRun(spec, FilesRun.Checkpoint.NONE, "fresh", Set.of("first", "next", "back"))) {
            assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10));
        }
    }

    @Test
    void diesBetweenBarrierAndCommit() throws Exception {
        FilesRun.Checkpoint checkpoint;
        try (var run = new FilesRun(spec)) {
            checkpoint = run.write(0, file(0, 10)).write(1, file(1, 10)).barrier();
            run.write(0, file(10, 16));
        }
        try (var run = new FilesRun(spec, checkpoint)) {
            assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10, 1, 10));
            run.write(0, file(10, 20)).barrier();
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10, 1, 10, 10, 20));
    }

    /** With nothing, one file or all files in the table, and the commit itself not made. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void diesWhileCommitting(int stored) throws Exception {
        var checkpoint = dieWhileCommittingAfter(stored);
        assertThat(Fixtures.pendingInstants(table)).isEqualTo(1);
        assertThat(parquet()).hasSize(stored);
        new FilesRun(spec, checkpoint).close();
        assertThat(Fixtures.pendingInstants(table)).isZero();
        assertThat(parquet()).hasSize(2);
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10, 1, 10));
    }

    /** Flink interrupts a task that it cancels, wherever that is. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void diesWhileRollingBack(boolean beforeTheInstantIsGone) throws Exception {
        var checkpoint = dieWhileCommittingAfter(1);
        cutOffRollback(beforeTheInstantIsGone);
        new FilesRun(spec, checkpoint).close();
        assertThat(Fixtures.pendingInstants(table)).isZero();
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10, 1, 10));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void diesWhileTheRollbackIsPlanned(boolean nothingWritten) throws Exception {
        var checkpoint = dieWhileCommittingAfter(1);
        var rollback = cutOffRollback(true);
        Files.delete(rollback.resolveSibling(rollback.getFileName() + ".inflight"));
        var plan = rollback.resolveSibling(rollback.getFileName() + ".requested");
        Files.write(plan, Arrays.copyOf(Files.readAllBytes(plan), nothingWritten ? 0 : 100));
        new FilesRun(spec, checkpoint).close();
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10, 1, 10));
    }

    /** Also when it dies before the staged files are gone. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void diesAfterTheCommit(boolean stillStaged) throws Exception {
        FilesRun.Checkpoint checkpoint;
        try (var run = new FilesRun(spec)) {
            checkpoint = run.write(0, file(0, 10)).barrier();
            var staged = batch(checkpoint).files().get(0);
            var content = new Staging(spec).content(staged);
            run.complete();
            if (stillStaged) {
                Files.write(Path.of(java.net.URI.create(staged.path())), content);
            }
        }
        try (var run = new FilesRun(spec, checkpoint)) {
            assertThat(run.alreadyCommitted()).isEqualTo(1);
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10));
        assertThat(Fixtures.completedCommits(table)).isEqualTo(1);
        assertThat(staged()).isEmpty();
    }

    @Test
    void dyingAgainAndAgainLosesNothing() throws Exception {
        var checkpoint = FilesRun.Checkpoint.NONE;
        for (int attempt = 0; attempt < 4; attempt++) {
            try (var run = new FilesRun(spec, checkpoint)) {
                checkpoint = run.write(attempt % 2, file(attempt * 10, attempt * 10 + 10)).barrier();
                run.write(1, file(900, 910));
            }
        }
        new FilesRun(spec, checkpoint).close();
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 40));
    }

    /** A job that goes on from an older savepoint numbers its checkpoints as its predecessor did. */
    @Test
    void anotherBatchUnderANumberThatWasThereIsCommitted() throws Exception {
        FilesRun.Checkpoint savepoint;
        try (var run = new FilesRun(spec)) {
            savepoint = run.write(0, file(0, 10)).barrier();
            run.complete();
            run.write(0, file(10, 20)).barrier();
            run.complete();
        }
        try (var run = new FilesRun(spec, savepoint)) {
            var next = run.write(0, file(20, 30)).barrier();
            assertThat(next.number()).isEqualTo(2);
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 30));
    }

    /** Any Spark write rolls back what it takes for abandoned; between checkpoint and commit there is nothing to take. */
    @Test
    void anotherWritersRollbackTakesNothing() throws Exception {
        try (var run = new FilesRun(spec)) {
            run.write(0, file(0, 10)).barrier();
            try (var other = HudiTable.open(spec, RowCodec.of(spec))) {
                other.rollbackPending();
            }
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 10));
    }

    @Test
    void aVanishedFileFailsLoudly() throws Exception {
        FilesRun.Checkpoint checkpoint;
        try (var run = new FilesRun(spec)) {
            checkpoint = run.write(0, file(0, 10)).write(1, file(1, 10)).barrier();
        }
        Files.delete(staged().get(0));
        assertThatThrownBy(() -> new FilesRun(spec, checkpoint))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("1 of 2 staged files");
        assertThat(Fixtures.ids(table)).isEmpty();
    }

    @Test
    void aFileWithoutItsTokenFailsLoudly() throws Exception {
        var file = file(0, 10);
        var other = new LakeFile(file.partition(), file.name(), "@0123456789abcdef", file.rows(), file.content());
        try (var run = new FilesRun(spec)) {
            run.write(0, other).barrier();
            assertThatThrownBy(run::complete).isInstanceOf(IOException.class).hasMessageContaining("does not hold its token");
        }
    }

    @Test
    void anArchivedCommitCountsAsCommitted() throws Exception {
        spec = Fixtures.spec(table, WriteOperationType.BULK_INSERT, Map.of("hoodie.keep.min.commits", "2",
                "hoodie.keep.max.commits", "3", "hoodie.clean.commits.retained", "1", "hoodie.commits.archival.batch", "1"));
        FilesRun.Checkpoint first;
        try (var run = new FilesRun(spec)) {
            first = run.write(0, file(0, 2)).barrier();
            run.complete();
            for (int i = 1; i < 8; i++) {
                run.write(0, file(2 * i, 2 * i + 2)).barrier();
                run.complete();
            }
        }
        assertThat(Fixtures.completedCommits(table)).isLessThan(8);
        try (var run = new FilesRun(spec, first)) {
            assertThat(run.alreadyCommitted()).isEqualTo(1);
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 16));
    }

    /** The table was lost behind the last commit of a run, and Spark made it again with all that the run had read. */
    @ParameterizedTest
    @ValueSource(strings = {"one", "one,two", "", "another"})
    void aTableThatWasMadeAgainHasWhatItsRunsHadStaged(String rebuilt) throws Exception {
        FilesRun.Checkpoint savepoint;
        try (var run = new FilesRun(spec, FilesRun.Checkpoint.NONE, "one", Set.of())) {
            savepoint = run.write(0, file(0, 10)).barrier();
            run.complete();
        }
        FileUtils.deleteDirectory(table.toFile());
        try (var hudi = HudiTable.open(spec, RowCodec.of(spec))) {
            var instant = hudi.startAppend();
            var file = new Staging(spec).put(file(0, 10));
            var stat = BaseFile.store(hudi.config(), hudi.forWriting(), instant, file, new Staging(spec).content(file));
            hudi.commitAppend(instant, List.of(stat), Map.of(FilesCommitter.REBUILT, rebuilt));
            new Staging(spec).remove(file);
        }
        if (!rebuilt.startsWith("one")) {
            assertThatThrownBy(() -> new FilesRun(spec, savepoint, "two", Set.of("one"))).hasMessageContaining("are gone");
            return;
        }
        try (var run = new FilesRun(spec, savepoint, "two", Set.of("one"))) {
            assertThat(run.alreadyCommitted()).isEqualTo(1);
            run.write(0, file(10, 20)).barrier();
            run.complete();
        }
        assertThat(Fixtures.ids(table)).isEqualTo(everySecond(0, 20));
    }

    /** With so many of a checkpoint's two files in the table. */
    private FilesRun.Checkpoint dieWhileCommittingAfter(int stored) throws Exception {
        FilesRun.Checkpoint checkpoint;
        try (var run = new FilesRun(spec)) {
            checkpoint = run.write(0, file(0, 10)).write(1, file(1, 10)).barrier();
        }
        try (var hudi = HudiTable.open(spec, RowCodec.of(spec))) {
            var instant = hudi.startAppend();
            for (var file : batch(checkpoint).files().subList(0, stored)) {
                BaseFile.store(hudi.config(), hudi.forWriting(), instant, file, new Staging(spec).content(file));
            }
        }
        return checkpoint;
    }

    /**
     * Rolls the pending instant back, without the last steps.
     *
     * @return where in the timeline the rollback lies, without its state
     */
    private Path cutOffRollback(boolean beforeTheInstantIsGone) throws Exception {
        var timeline = table.resolve(".hoodie/timeline");
        var before = files(timeline, "");
        try (var hudi = HudiTable.open(spec, RowCodec.of(spec))) {
            hudi.rollbackPending();
        }
        var done = files(timeline, ".rollback").get(0);
        Files.delete(done);
        if (beforeTheInstantIsGone) {
            for (var file : before) {
                if (Files.notExists(file)) {
                    Files.createFile(file);
                }
            }
        }
        return timeline.resolve(done.getFileName().toString().split("_")[0] + ".rollback");
    }

    private LakeFile file(int from, int to) throws IOException {
        return LakeFiles.of(spec, from, to);
    }

    private static StagedBatch batch(FilesRun.Checkpoint checkpoint) throws IOException {
        return SimpleVersionedSerialization.readVersionAndDeSerialize(new Serializers.Batches(), checkpoint.batches().get(0));
    }

    /** The ids of files from..to, as {@link LakeFiles} fills them. */
    private static List<String> everySecond(int... bounds) {
        return IntStream.range(0, bounds.length / 2).boxed()
                .flatMap(k -> IntStream.iterate(bounds[2 * k], id -> id < bounds[2 * k + 1], id -> id + 2).mapToObj(id -> "k" + id))
                .sorted().toList();
    }

    private List<Path> staged() throws IOException {
        return Files.isDirectory(table.resolve(".hoodie/.staged")) ? files(table.resolve(".hoodie/.staged"), "") : List.of();
    }

    private List<Path> parquet() throws IOException {
        return files(table, ".parquet");
    }

    private static List<Path> files(Path folder, String ending) throws IOException {
        try (var files = Files.walk(folder)) {
            return files.filter(f -> Files.isRegularFile(f) && f.toString().endsWith(ending)).toList();
        }
    }
}
