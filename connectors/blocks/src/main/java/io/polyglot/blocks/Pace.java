package io.polyglot.blocks;

import java.io.Serializable;

/**
 * How long records wait for others to be packed with: a block costs what hundreds of records cost.
 *
 * <p>While what follows is free, a short time. While it is not, they would wait in its queue anyway, so the block may
 * grow. What was pressed a moment ago will be again, and is given larger blocks for a while.
 *
 * @param lingerMs while what follows is free
 * @param patienceMs while it was pressed lately; ten times that while it is pressed
 */
record Pace(long lingerMs, long patienceMs) implements Serializable {
  /** @return how old a block is to become */
  long age(boolean pressed, boolean lately) {
    return pressed ? memoryMs() : lately ? patienceMs : lingerMs;
  }

  /** @return how long "lately" is */
  long memoryMs() {
    return 10 * patienceMs;
  }
}
