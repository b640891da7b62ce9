package io.polyglot.avro;

import java.util.Arrays;

/** A growing buffer that writes Avro's binary primitives; reused from record to record. */
final class WireWriter {
    private byte[] buffer = new byte[512];
    private int size;

    void reset() {
        size = 0;
    }

    byte[] toBytes() {
        return Arrays.copyOf(buffer, size);
    }

    void raw(byte[] value) {
        ensure(value.length);
        System.arraycopy(value, 0, buffer, size, value.length);
        size += value.length;
    }

    void bool(boolean value) {
        ensure(1);
        buffer[size++] = (byte) (value ? 1 : 0);
    }

    void zigzag(long value) {
        ensure(10);
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7fL) != 0) {
            buffer[size++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        buffer[size++] = (byte) rest;
    }

    void float32(float value) {
        littleEndian(Float.floatToIntBits(value), 4);
    }

    void float64(double value) {
        littleEndian(Double.doubleToLongBits(value), 8);
    }

    void bytes(byte[] value) {
        zigzag(value.length);
        raw(value);
    }

    private void littleEndian(long bits, int width) {
        ensure(width);
        for (int i = 0; i < width; i++) {
            buffer[size++] = (byte) (bits >>> (8 * i));
        }
    }

    private void ensure(int more) {
        if (buffer.length - size < more) {
            buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, size + more));
        }
    }
}
