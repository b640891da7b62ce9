package io.polyglot.hudi;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.functions.ScalarFunction;

/** What tests need that run whole jobs in SQL on a Flink cluster. */
final class Jobs {
    private Jobs() {}

    /** @param savepoint to go on from, or null */
    static StreamTableEnvironment environment(Path dir, String savepoint, int parallelism) {
        var conf = new Configuration();
        conf.setString("execution.checkpointing.interval", "300 ms");
        conf.setString("execution.checkpointing.storage", "filesystem");
        conf.setString("execution.checkpointing.dir", dir.resolve("checkpoints").toUri().toString());
        conf.setString("restart-strategy.type", "fixed-delay");
        conf.setString("restart-strategy.fixed-delay.attempts", "5");
        conf.setString("restart-strategy.fixed-delay.delay", "100 ms");
        conf.setString("pipeline.max-parallelism", "8");
        // Datagen emits in a thread of its own. If what is chained to it throws, a checkpoint that waits for its lock may
        // be taken before the failure is told, and then misses that row, whatever the sink does.
        conf.setString("pipeline.operator-chaining.enabled", "false");
        conf.setString("parallelism.default", String.valueOf(parallelism));
        if (savepoint != null) {
            conf.setString("execution.state-recovery.path", savepoint);
        }
        var env = StreamTableEnvironment.create(StreamExecutionEnvironment.getExecutionEnvironment(conf));
        env.createTemporarySystemFunction("fail", Fail.class);
        return env;
    }

    static void source(StreamTableEnvironment env, int rows, int perSecond) {
        env.executeSql("CREATE TABLE src (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '" + perSecond
                + "', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '" + (rows - 1) + "')");
    }

    /** By the name of a completed instant's file: the table itself may be in the middle of being created. */
    static void awaitCommit(Path table) throws Exception {
        var timeline = table.resolve(".hoodie/timeline");
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

    static String stop(JobClient job, Path dir) throws Exception {
        return job.stopWithSavepoint(false, dir.resolve("savepoints").toUri().toString(), SavepointFormatType.CANONICAL)
                .get(1, TimeUnit.MINUTES);
    }

    /** Passes its argument on; while failures are left, throws one at every so many rows after the first few. */
    public static final class Fail extends ScalarFunction {
        static final AtomicInteger left = new AtomicInteger();
        static volatile int every = 3_000;

        public Long eval(Long id) {
            if (id > every && id % every == 0 && left.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
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
