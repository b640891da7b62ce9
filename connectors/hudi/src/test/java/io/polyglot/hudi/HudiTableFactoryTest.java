package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.commons.lang3.exception.ExceptionUtils;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a user sees when a statement is planned. */
class HudiTableFactoryTest {
    private TableEnvironment env;

    @BeforeEach
    void setUp() {
        env = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        env.executeSql("CREATE TABLE src (k STRING, d DATE, v BIGINT) WITH ('connector' = 'datagen')");
    }

    @Test
    void plansAnUpsertWithoutTheOldRows() {
        assertThat(explain("'ordering.fields' = 'v'", "SELECT k, MAX(d), COUNT(*) FROM src GROUP BY k")).contains("Sink");
        assertThat(explain("'hoodie.parquet.compression.codec' = 'gzip', 'hadoop.fs.s3a.endpoint' = 'x', 'precombine.field' = 'v'", "SELECT k, MAX(d), COUNT(*) FROM src GROUP BY k")).contains("Sink");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "'write.operation' = 'bulk_insert' | must be upsert, is 'bulk_insert'; facts that are only appended come as files",
        "'table.type' = 'COW' | must be one of COPY_ON_WRITE, MERGE_ON_READ, is 'COW'",
        "'ordering.fields' = 'nope' | 'ordering.fields' names [nope]; the table's columns are [k, d, v]",
        "'hoodie.datasource.write.recordkey.field' = 'k,k' | names a column twice: [k, k]",
        "'write.taks' = '1' | Unsupported options found for 'hudi'",
        "'ordering.fields' = 'k' | ordering column 'k' has type STRING",
    })
    void refusesBadOptions(String option, String message) {
        assertThat(failure(option, "SELECT * FROM src")).contains(message.strip());
    }

    @Test
    void refusesAQueryThatDeletes() {
        env.executeSql("CREATE TABLE other (k STRING) WITH ('connector' = 'datagen')");
        assertThat(failure("'ordering.fields' = 'v'", "SELECT k, MAX(d), COUNT(*) FROM src WHERE k NOT IN (SELECT k FROM other) GROUP BY k"))
                .contains("doesn't support consuming", "delete");
    }

    @Test
    void refusesAnUpsertWithoutKey() {
        env.executeSql("CREATE TABLE keyless (k STRING, d DATE, v BIGINT) WITH ('connector' = 'hudi', 'path' = 'file:///nowhere')");
        assertThatThrownBy(() -> env.explainSql("INSERT INTO keyless SELECT * FROM src"))
                .rootCause().hasMessageContaining("needs a PRIMARY KEY");
    }

    private String explain(String options, String query) {
        env.executeSql("DROP TABLE IF EXISTS sink");
        env.executeSql("CREATE TABLE sink (k STRING, d DATE, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (d) "
                + "WITH ('connector' = 'hudi', 'path' = 'file:///nowhere', " + options + ")");
        return env.explainSql("INSERT INTO sink " + query);
    }

    private String failure(String options, String query) {
        try {
            explain(options, query);
        } catch (Exception e) {
            return ExceptionUtils.getThrowableList(e).stream().map(Throwable::getMessage).reduce("", (a, b) -> a + "\n" + b);
        }
        throw new AssertionError("planned without an error");
    }
}
