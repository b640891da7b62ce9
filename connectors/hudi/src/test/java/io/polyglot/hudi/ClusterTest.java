package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.testutils.MiniClusterResourceConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Whole jobs that upsert on a Flink cluster: failures in mid-stream, savepoints, versions in any order. */
class ClusterTest {
    @RegisterExtension
    static final MiniClusterExtension FLINK = new MiniClusterExtension(new MiniClusterResourceConfiguration.Builder()
            .setNumberTaskManagers(1).setNumberSlotsPerTaskManager(4).build());

    private static final RowType ROW = (RowType) DataTypes.ROW(
                    DataTypes.FIELD("id", DataTypes.STRING().notNull()), DataTypes.FIELD("part", DataTypes.STRING()),
                    DataTypes.FIELD("version", DataTypes.BIGINT().notNull()))
            .getLogicalType();

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
        Jobs.await(upsert(environment(null), 20_000, 4_000, Integer.MAX_VALUE));
        assertThat(Jobs.Fail.left).as("the failures happened").hasValue(0);
        assertThat(Fixtures.ids(table())).hasSize(20_000).doesNotHaveDuplicates();
        assertThat(Fixtures.pendingInstants(table())).isZero();
        assertThat(Fixtures.completedCommits(table())).isGreaterThan(1);
    }

    @Test
    void stopWithSavepointAndGoOn() throws Exception {
        var job = upsert(environment(null), 30_000, 3_000, Integer.MAX_VALUE);
        Jobs.awaitCommit(table());
        var savepoint = Jobs.stop(job, dir);
        int before = Fixtures.ids(table()).size();
        assertThat(before).isBetween(1, 29_999);

        Jobs.await(upsert(environment(savepoint), 30_000, 30_000, Integer.MAX_VALUE));
        assertThat(Fixtures.ids(table())).hasSize(30_000).doesNotHaveDuplicates();
    }

    @Test
    void theHighestVersionStaysWhateverTheOrder() throws Exception {
        Jobs.Fail.left.set(1);
        Jobs.await(upsert(environment(null), 12_000, 4_000, 10));
        assertThat(Fixtures.read(table())).hasSize(10).allSatisfy(r -> assertThat(r.get("version")).isEqualTo(1_199L));
    }

    private Path table() {
        return dir.resolve("table");
    }

    private StreamExecutionEnvironment environment(String savepoint) {
        return Jobs.environment(dir, savepoint, 1);
    }

    /** Writes versions of as many keys; of two versions the higher one comes first. */
    private JobClient upsert(StreamExecutionEnvironment env, int rows, int perSecond, int keys) throws Exception {
        var stream = Jobs.<RowData>source(env, rows, perSecond, id -> GenericRowData.of(
                StringData.fromString(String.valueOf(id % keys)), StringData.fromString(String.valueOf(id % keys % 3)), id / keys ^ 1),
                InternalTypeInfo.of(ROW));
        Lake.upsert(stream, "upserted", new TableSpec(table().toUri().toString(), "t", HoodieTableType.COPY_ON_WRITE,
                WriteOperationType.UPSERT, ROW, List.of("id"), List.of("part"), List.of("version"), Map.of()));
        return env.executeAsync();
    }
}
