package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.apache.flink.runtime.testutils.MiniClusterResourceConfiguration;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
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
        Jobs.Fail.left.set(0);
        Jobs.Fail.every = 3_000;
    }

    @Test
    void rowsBalanceThroughFailures() throws Exception {
        Jobs.Fail.left.set(3);
        var env = environment(null);
        Jobs.source(env, 20_000, 4_000);
        upsert(env).await(2, TimeUnit.MINUTES);
        assertThat(Jobs.Fail.left).as("the failures happened").hasValue(0);
        assertThat(Fixtures.ids(table())).hasSize(20_000).doesNotHaveDuplicates();
        assertThat(Fixtures.pendingInstants(table())).isZero();
        assertThat(Fixtures.completedCommits(table())).isGreaterThan(1);
    }

    @Test
    void stopWithSavepointAndGoOn() throws Exception {
        var env = environment(null);
        Jobs.source(env, 30_000, 3_000);
        var job = upsert(env).getJobClient().orElseThrow();
        Jobs.awaitCommit(table());
        var savepoint = Jobs.stop(job, dir);
        int before = Fixtures.ids(table()).size();
        assertThat(before).isBetween(1, 29_999);

        var next = environment(savepoint);
        Jobs.source(next, 30_000, 30_000);
        upsert(next).await(2, TimeUnit.MINUTES);
        assertThat(Fixtures.ids(table())).hasSize(30_000).doesNotHaveDuplicates();
    }

    @Test
    void aChangelogEndsAsItsLastVersions() throws Exception {
        Jobs.Fail.left.set(1);
        var env = environment(null);
        Jobs.source(env, 12_000, 4_000);
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
        return Jobs.environment(dir, savepoint, 1);
    }

    private TableResult upsert(StreamTableEnvironment env) {
        env.executeSql("CREATE TABLE sink (id STRING NOT NULL, part STRING, PRIMARY KEY (id) NOT ENFORCED) PARTITIONED BY (part) "
                + "WITH ('connector' = 'hudi', 'path' = '" + table().toUri() + "')");
        return env.executeSql("INSERT INTO sink SELECT CAST(fail(id) AS STRING), CAST(MOD(id, 3) AS STRING) FROM src");
    }
}
