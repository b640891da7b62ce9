package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.flink.runtime.testutils.MiniClusterResourceConfiguration;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.apache.hudi.common.model.WriteOperationType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Whole jobs whose rows come as complete files, from two writers: failures in mid-stream, savepoints, rescaling. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FilesClusterTest {
    @RegisterExtension
    static final MiniClusterExtension FLINK = new MiniClusterExtension(new MiniClusterResourceConfiguration.Builder()
            .setNumberTaskManagers(1).setNumberSlotsPerTaskManager(4).build());

    private static final String COLUMNS =
            "`id` STRING NOT NULL, `day` DATE NOT NULL, `price` DECIMAL(27, 12), `payload` BYTES, `at` TIMESTAMP_LTZ(6), `version` BIGINT NOT NULL";

    @TempDir
    Path dir;

    @BeforeEach
    void setUp() {
        Jobs.Fail.left.set(0);
        Jobs.Fail.every = 60;
    }

    @Test
    void rowsBalanceThroughFailures() throws Exception {
        Jobs.Fail.left.set(3);
        var env = environment(null, 2);
        Jobs.source(env, 400, 150);
        append(env).await(2, TimeUnit.MINUTES);
        assertThat(Jobs.Fail.left).as("the failures happened").hasValue(0);
        assertThat(Fixtures.ids(table())).isEqualTo(expected(400));
        assertThat(Fixtures.pendingInstants(table())).isZero();
        int commits = Fixtures.completedCommits(table());
        assertThat(commits).isGreaterThan(1);
        assertThat(commits).as("one for all writers of a checkpoint").isEqualTo(distinctCheckpoints());
    }

    @Test
    void stopsWithASavepointAndGoesOnWithFewerAndMoreWriters() throws Exception {
        String savepoint = null;
        int commits = 0;
        for (int parallelism : new int[] {2, 1}) {
            var env = environment(savepoint, parallelism);
            Jobs.source(env, 500, 50);
            var job = append(env).getJobClient().orElseThrow();
            Jobs.awaitCommit(table());
            while (Fixtures.completedCommits(table()) <= commits) {
                Thread.sleep(50);
            }
            savepoint = Jobs.stop(job, dir);
            commits = Fixtures.completedCommits(table());
            // How many there are is a matter of time; on a slow machine it may be all of them.
            assertThat(Fixtures.ids(table())).hasSizeBetween(1, 1_500).doesNotHaveDuplicates();
        }
        var last = environment(savepoint, 2);
        Jobs.source(last, 500, 500);
        append(last).await(2, TimeUnit.MINUTES);
        assertThat(Fixtures.ids(table())).isEqualTo(expected(500));
        try (var staged = Files.list(table().resolve(".hoodie/.staged"))) {
            assertThat(staged).isEmpty();
        }
    }

    @Test
    void refusesColumnsOfItsOwn() {
        var env = environment(null, 1);
        env.executeSql("CREATE TABLE sink (id STRING, files BYTES) WITH ('connector' = 'hudi-files', 'path' = '" + table().toUri()
                + "', 'columns' = '" + COLUMNS + "')");
        assertThatThrownBy(() -> env.explainSql("INSERT INTO sink SELECT 'a', CAST(NULL AS BYTES)"))
                .hasRootCauseInstanceOf(ValidationException.class).rootCause().hasMessageContaining("has one column, of type BYTES");
    }

    private Path table() {
        return dir.resolve("table");
    }

    private StreamTableEnvironment environment(String savepoint, int parallelism) {
        var env = Jobs.environment(dir, savepoint, parallelism);
        env.createTemporarySystemFunction("file", File.class);
        // For rescaling; without the nodes' numbers, which go on from one job to the next in this JVM.
        env.getConfig().set("table.exec.uid.generation", "ALWAYS");
        env.getConfig().set("table.exec.uid.format", "<transformation>");
        return env;
    }

    private TableResult append(StreamTableEnvironment env) {
        env.executeSql("CREATE TABLE sink (files BYTES) WITH ('connector' = 'hudi-files', 'path' = '" + table().toUri()
                + "', 'hoodie.table.name' = 't', 'columns' = '" + COLUMNS + "', 'hoodie.datasource.write.recordkey.field' = 'id',"
                + " 'hoodie.datasource.write.partitionpath.field' = 'day')");
        return env.executeSql("INSERT INTO sink SELECT file(fail(id)) FROM src");
    }

    private static List<String> expected(int files) {
        return IntStream.range(0, files).flatMap(n -> IntStream.of(10 * n, 10 * n + 2, 10 * n + 4)).mapToObj(id -> "k" + id).sorted().toList();
    }

    private int distinctCheckpoints() throws IOException {
        try (var hudi = HudiTable.open(spec(table()), RowCodec.of(spec(table())))) {
            return hudi.extras(FilesCommitter.CHECKPOINT).size();
        }
    }

    private static TableSpec spec(Path table) {
        return Fixtures.spec(table, WriteOperationType.BULK_INSERT);
    }

    /** A file with three rows of its own for each number. */
    public static final class File extends ScalarFunction {
        public byte[] eval(Long n) throws IOException {
            int from = (int) (10 * n);
            return LakeFiles.frame(LakeFiles.of(spec(Path.of("/unused")), from, from + 6));
        }
    }
}
