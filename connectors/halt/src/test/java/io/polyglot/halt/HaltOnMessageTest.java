package io.polyglot.halt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.flink.runtime.throwable.ThrowableClassifier;
import org.apache.flink.runtime.throwable.ThrowableType;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

class HaltOnMessageTest {
  private final HaltOnMessage halt = new HaltOnMessage(1);

  @Test
  void aRowWithoutAMessagePassesUnchanged() {
    Row row = Row.of("records", null);
    assertThat(halt.map(row)).isSameAs(row);
  }

  @Test
  void aMessageEndsTheJobAndIsItsCause() {
    assertThatThrownBy(() -> halt.map(Row.of(null, "quality rule x stops the job")))
        .hasRootCauseMessage("quality rule x stops the job")
        .satisfies(
            error ->
                assertThat(
                        ThrowableClassifier.findThrowableOfThrowableType(
                            error, ThrowableType.NonRecoverableError))
                    .isPresent());
  }
}
