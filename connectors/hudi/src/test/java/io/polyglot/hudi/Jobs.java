package io.polyglot.hudi;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** What tests need that run whole jobs on a Flink cluster. */
final class Jobs {
    private Jobs() {}

    /** @param savepoint to go on from, or null */
    static StreamExecutionEnvironment environment(Path dir, String savepoint, int parallelism) {
        var conf = new Configuration();
        conf.setString("execution.checkpointing.interval", "300 ms");
        conf.setString("execution.checkpointing.storage", "filesystem");
        conf.setString("execution.checkpointing.dir", dir.resolve("checkpoints").toUri().toString());
        conf.setString("restart-strategy.type", "fixed-delay");
        conf.setString("restart-strategy.fixed-delay.attempts", "5");
        conf.setString("restart-strategy.fixed-delay.delay", "100 ms");
        conf.setString("pipeline.max-parallelism", "8");
        conf.setString("parallelism.default", String.valueOf(parallelism));
        if (savepoint != null) {
            conf.setString("execution.state-recovery.path", savepoint);
        }
        return StreamExecutionEnvironment.getExecutionEnvironment(conf);
    }

    /**
     * The numbers below {@code rows} in their order, as {@code values} makes them, with failures among them. Chained to a
     * sink whose commits take longer than checkpoints are apart, the source would read next to nothing; so it is not.
     */
    static <T> DataStream<T> source(
            StreamExecutionEnvironment env, int rows, int perSecond, MapFunction<Long, T> values, TypeInformation<T> type) {
        long nanos = TimeUnit.SECONDS.toNanos(1) * env.getParallelism() / perSecond;
        return env.fromSequence(0, rows - 1).uid("numbers").map(id -> {
            LockSupport.parkNanos(nanos);
            return values.map(Fail.at(id));
        }).returns(type).uid("rows").rebalance();
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

    static void await(JobClient job) throws Exception {
        job.getJobExecutionResult().get(2, TimeUnit.MINUTES);
    }

    static String stop(JobClient job, Path dir) throws Exception {
        return job.stopWithSavepoint(false, dir.resolve("savepoints").toUri().toString(), SavepointFormatType.CANONICAL)
                .get(1, TimeUnit.MINUTES);
    }

    /** While failures are left, throws one at every so many rows after the first few. */
    static final class Fail {
        static final AtomicInteger left = new AtomicInteger();
        static volatile int every = 3_000;

        static long at(long id) {
            if (id > every && id % every == 0 && left.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
                throw new IllegalStateException("failure made by the test at row " + id);
            }
            return id;
        }
    }
}
