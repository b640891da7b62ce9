package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.TimeUnit;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.testutils.MiniClusterResourceConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Whole jobs in SQL on a Flink cluster: failures in mid-stream, savepoints, a changelog. */
class ClusterTest {
    @RegisterExtension
    static final MiniClusterExtension FLINK = new MiniClusterExtension(new MiniClusterResourceConfiguration.Builder()
            .setNumberTaskManagers(1).setNumberSlotsPerTaskManager(4).build());

    @TempDir
    Path dir;

    @BeforeEach
    void setUp() {
        Fail.left.set(0);
    }

    @Test
    void rowsBalanceThroughFailures() throws Exception {
        Fail.left.set(3);
        var env = environment(null);
        source(env, 20_000, 4_000);
        append(env).await(2, TimeUnit.MINUTES);
        assertThat(Fail.left).as("the failures happened").hasValue(0);
        assertThat(Fixtures.ids(table())).hasSize(20_000).doesNotHaveDuplicates();
        assertThat(Fixtures.pendingInstants(table())).isZero();
        assertThat(Fixtures.completedCommits(table())).isGreaterThan(1);
    }

    @Test
    void stopWithSavepointAndGoOn() throws Exception {
        var env = environment(null);
        source(env, 30_000, 3_000);
        var job = append(env).getJobClient().orElseThrow();
        awaitCommit();
        var savepoint = stop(job);
        int before = Fixtures.ids(table()).size();
        assertThat(before).isBetween(1, 29_999);

        var next = environment(savepoint);
        source(next, 30_000, 30_000);
        append(next).await(2, TimeUnit.MINUTES);
        assertThat(Fixtures.ids(table())).hasSize(30_000).doesNotHaveDuplicates();
    }

    @Test
    void aChangelogEndsAsItsLastVersions() throws Exception {
        Fail.left.set(1);
        var env = environment(null);
        source(env, 12_000, 4_000);
        env.executeSql("CREATE TABLE sink (k BIGINT NOT NULL, version BIGINT NOT NULL, total BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'hudi', 'path' = '" + table().toUri()
                + "', 'ordering.fields' = 'version')");
        env.executeSql("INSERT INTO sink SELECT k, COUNT(*), SUM(id) FROM (SELECT MOD(id, 10) k, fail(id) id FROM src) GROUP BY k")
                .await(2, TimeUnit.MINUTES);
        var rows = Fixtures.read(table());
        assertThat(rows).hasSize(10).allSatisfy(r -> assertThat(r.get("version")).isEqualTo(1_200L));
        assertThat(rows.stream().mapToLong(r -> (Long) r.get("total")).sum()).isEqualTo(12_000L * 11_999 / 2);
    }

    private Path table() {
        return dir.resolve("table");
    }

    private StreamTableEnvironment environment(String savepoint) {
        var conf = new Configuration();
        conf.setString("execution.checkpointing.interval", "300 ms");
        conf.setString("execution.checkpointing.storage", "filesystem");
        conf.setString("execution.checkpointing.dir", dir.resolve("checkpoints").toUri().toString());
        conf.setString("restart-strategy.type", "fixed-delay");
        conf.setString("restart-strategy.fixed-delay.attempts", "5");
        conf.setString("restart-strategy.fixed-delay.delay", "100 ms");
        conf.setString("parallelism.default", "1");
        if (savepoint != null) {
            conf.setString("execution.state-recovery.path", savepoint);
        }
        var env = StreamTableEnvironment.create(StreamExecutionEnvironment.getExecutionEnvironment(conf));
        env.createTemporarySystemFunction("fail", Fail.class);
        return env;
    }

    private static void source(StreamTableEnvironment env, int rows, int perSecond) {
        env.executeSql("CREATE TABLE src (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '" + perSecond
                + "', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '" + (rows - 1) + "')");
    }

    private TableResult append(StreamTableEnvironment env) {
        env.executeSql("CREATE TABLE sink (id STRING NOT NULL, part STRING, PRIMARY KEY (id) NOT ENFORCED) PARTITIONED BY (part) "
                + "WITH ('connector' = 'hudi', 'path' = '" + table().toUri() + "', 'write.operation' = 'bulk_insert')");
        return env.executeSql("INSERT INTO sink SELECT CAST(fail(id) AS STRING), CAST(MOD(id, 3) AS STRING) FROM src");
    }

    /** By the name of a completed instant's file: the table itself may be in the middle of being created. */
    private void awaitCommit() throws Exception {
        var timeline = table().resolve(".hoodie/timeline");
        while (true) {
            if (Files.isDirectory(timeline)) {
                try (var files = Files.list(timeline)) {
                    if (files.anyMatch(f -> f.toString().endsWith(".commit"))) {
                        return;
                    }
                }
            }
            Thread.sleep(50);
        }
    }

    private String stop(JobClient job) throws Exception {
        return job.stopWithSavepoint(false, dir.resolve("savepoints").toUri().toString(), SavepointFormatType.CANONICAL)
                .get(1, TimeUnit.MINUTES);
    }

    /** Passes its argument on; while failures are left, throws one at every 3,000th row after the first few. */
    public static final class Fail extends ScalarFunction {
        static final AtomicInteger left = new AtomicInteger();

        public Long eval(Long id) {
            if (id > 3_000 && id % 3_000 == 0 && left.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
                throw new IllegalStateException("failure made by the test at row " + id);
            }
            return id;
        }

        @Override
        public boolean isDeterministic() {
            return false;
        }
    }
}
