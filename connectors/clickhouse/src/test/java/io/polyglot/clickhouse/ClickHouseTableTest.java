package io.polyglot.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The sink as SQL uses it, on Flink's own planner and a cluster in this process. */
@Timeout(120)
class ClickHouseTableTest {
    private FakeServer server;
    private TableEnvironment tables;

    @BeforeEach
    void start() throws Exception {
        server = new FakeServer().start();
        tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        tables.getConfig().set("parallelism.default", "1");
        tables.executeSql("CREATE TABLE sums (k STRING, total DECIMAL(38, 12), n BIGINT NOT NULL,"
                + " PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'clickhouse', 'url' = '" + server.url() + "',"
                + " 'database-name' = 'polyglot', 'table-name' = 'sums', 'username' = 'u', 'password' = 'p')");
        tables.executeSql("CREATE TEMPORARY VIEW trades AS SELECT * FROM (VALUES"
                + " ('a', CAST(1.5 AS DECIMAL(28, 12))), ('b', 2), ('a', 3)) AS t (k, price)");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void anUpdatingQueryWritesEachNewVersionAndNoOldOne() throws Exception {
        tables.executeSql("INSERT INTO sums SELECT k, SUM(price), COUNT(*) FROM trades GROUP BY k").await();
        assertThat(server.rows()).containsExactlyInAnyOrder(
                "{\"k\":\"a\",\"total\":\"1.500000000000\",\"n\":\"1\"}",
                "{\"k\":\"b\",\"total\":\"2.000000000000\",\"n\":\"1\"}",
                "{\"k\":\"a\",\"total\":\"4.500000000000\",\"n\":\"2\"}");
        assertThat(server.users).containsOnly("u:p");
    }

    @Test
    void aQueryThatDeletesIsRefusedWhenPlanned() {
        String cheapest = "INSERT INTO sums SELECT k, price, n FROM (SELECT k, price, CAST(1 AS BIGINT) AS n,"
                + " ROW_NUMBER() OVER (ORDER BY price) AS place FROM trades) WHERE place <= 2";
        assertThatThrownBy(() -> tables.executeSql(cheapest))
                .hasStackTraceContaining("doesn't support consuming")
                .hasStackTraceContaining("delete changes");
        assertThat(server.bodies).isEmpty();
    }

    @Test
    void unknownOptionsAreRefused() {
        tables.executeSql("CREATE TABLE bad (k STRING) WITH ('connector' = 'clickhouse', 'url' = 'http://h:1',"
                + " 'table-name' = 't', 'sink.bach-size' = '1')");
        assertThatThrownBy(() -> tables.executeSql("INSERT INTO bad VALUES ('x')"))
                .hasStackTraceContaining("sink.bach-size");
    }
}
