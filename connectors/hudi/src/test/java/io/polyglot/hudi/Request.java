package io.polyglot.hudi;

import org.apache.flink.api.connector.sink2.Committer.CommitRequest;

/**
 * What Flink asks a committer for. Ours never fail in a way that Flink is to know, and never ask for a retry.
 *
 * @param onAlreadyCommitted is run if the committer finds it committed
 */
record Request<T>(T committable, Runnable onAlreadyCommitted) implements CommitRequest<T> {
    @Override
    public T getCommittable() {
        return committable;
    }

    @Override
    public int getNumberOfRetries() {
        return 0;
    }

    @Override
    public void signalFailedWithKnownReason(Throwable t) {
        throw new AssertionError(t);
    }

    @Override
    public void signalFailedWithUnknownReason(Throwable t) {
        throw new AssertionError(t);
    }

    @Override
    public void retryLater() {
        throw new AssertionError("the committer never asks for a retry");
    }

    @Override
    public void updateAndRetryLater(T next) {
        throw new AssertionError("the committer never asks for a retry");
    }

    @Override
    public void signalAlreadyCommitted() {
        onAlreadyCommitted.run();
    }
}
