package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.testutils.MiniClusterResourceConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.apache.flink.types.Row;
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
        Jobs.await(append(environment(null, 2), 400, 150));
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
            var job = append(environment(savepoint, parallelism), 500, 50);
            Jobs.awaitCommit(table());
            while (Fixtures.completedCommits(table()) <= commits) {
                Thread.sleep(50);
            }
            savepoint = Jobs.stop(job, dir);
            commits = Fixtures.completedCommits(table());
            // How many there are is a matter of time; on a slow machine it may be all of them.
            assertThat(Fixtures.ids(table())).hasSizeBetween(1, 1_500).doesNotHaveDuplicates();
        }
        Jobs.await(append(environment(savepoint, 2), 500, 500));
        assertThat(Fixtures.ids(table())).isEqualTo(expected(500));
        try (var staged = Files.list(table().resolve(".hoodie/.staged"))) {
            assertThat(staged).isEmpty();
        }
    }

    private Path table() {
        return dir.resolve("table");
    }

    private StreamExecutionEnvironment environment(String savepoint, int parallelism) {
        return Jobs.environment(dir, savepoint, parallelism);
    }

    /** Every file with three rows of its own. */
    private JobClient append(StreamExecutionEnvironment env, int files, int perSecond) throws Exception {
        var rows = Jobs.source(env, files, perSecond, FilesClusterTest::file, Types.ROW(PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
        Lake.append(rows, 0, "files", table().toUri().toString(), "t", COLUMNS, "id", "day", List.of());
        return env.executeAsync();
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

    private static Row file(long n) throws IOException {
        int from = (int) (10 * n);
        return Row.of((Object) LakeFiles.frame(LakeFiles.of(spec(Path.of("/unused")), from, from + 6)));
    }
}
