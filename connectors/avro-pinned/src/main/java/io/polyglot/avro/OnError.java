package io.polyglot.avro;

/** What a reader does with a message that does not follow its contract. */
public enum OnError {
    /** Fail the job: nothing is lost without somebody knowing. */
    FAIL("fail"),
    /** Leave the message out and count it in the metric {@code avroPinnedSkipped}. */
    SKIP("skip");

    private final String text;

    OnError(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
