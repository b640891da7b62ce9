package io.polyglot.clickhouse;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing buffer of what ClickHouse's binary formats are made of; reused from batch to batch. */
final class Bytes {
    private byte[] data = new byte[1024];
    private int size;

    int size() {
        return size;
    }

    void reset() {
        size = 0;
    }

    /** Whether there is anything but zeros. */
    boolean any() {
        for (int i = 0; i < size; i++) {
            if (data[i] != 0) {
                return true;
            }
        }
        return false;
    }

    byte[] toArray() {
        return Arrays.copyOf(data, size);
    }

    void put(byte value) {
        ensure(1);
        data[size++] = value;
    }

    void put(byte[] bytes) {
        put(bytes, bytes.length);
    }

    void put(Bytes other) {
        put(other.data, other.size);
    }

    private void put(byte[] bytes, int length) {
        ensure(length);
        System.arraycopy(bytes, 0, data, size, length);
        size += length;
    }

    /** Two's complement, little endian. */
    void number(long value, int width) {
        ensure(width);
        for (int i = 0; i < width; i++) {
            data[size++] = (byte) (value >> Math.min(8 * i, 63));
        }
    }

    /** @param bigEndian two's complement of at most as many bytes */
    void number(byte[] bigEndian, int width) {
        ensure(width);
        byte sign = (byte) (bigEndian[0] >> 7);
        for (int i = 0; i < width; i++) {
            data[size++] = i < bigEndian.length ? bigEndian[bigEndian.length - 1 - i] : sign;
        }
    }

    void varint(int value) {
        int left = value;
        while (left >= 0x80) {
            put((byte) (left | 0x80));
            left >>>= 7;
        }
        put((byte) left);
    }

    void text(String text) {
        text(text.getBytes(StandardCharsets.UTF_8));
    }

    void text(byte[] utf8) {
        varint(utf8.length);
        put(utf8);
    }

    private void ensure(int more) {
        if (data.length - size < more) {
            data = Arrays.copyOf(data, Math.max(data.length * 2, size + more));
        }
    }
}
