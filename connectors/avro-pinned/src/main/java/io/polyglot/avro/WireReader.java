package io.polyglot.avro;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A cursor over one message: Avro's binary primitives read in place.
 *
 * <p>Nothing is copied except what {@link #bytes()} returns; {@link #slice()} leaves the position of a
 * length-prefixed value in {@link #sliceStart} and {@link #sliceLength} so that callers can wrap it.
 */
final class WireReader {
    private byte[] data = new byte[0];
    private int position;
    int sliceStart;
    int sliceLength;

    void reset(byte[] message, int offset) {
        data = message;
        position = offset;
    }

    byte[] data() {
        return data;
    }

    int remaining() {
        return data.length - position;
    }

    boolean bool() {
        int value = next();
        if (value > 1) {
            throw new WireException("a boolean byte is 0 or 1, not " + value);
        }
        return value == 1;
    }

    int zigzagInt() {
        long value = zigzagLong();
        if (value != (int) value) {
            throw new WireException("int out of range: " + value);
        }
        return (int) value;
    }

    long zigzagLong() {
        int first = next();
        if (first < 0x80) {
            return (first >>> 1) ^ -(first & 1);
        }
        long raw = first & 0x7f;
        for (int shift = 7; shift < 70; shift += 7) {
            int part = next();
            raw |= (long) (part & 0x7f) << shift;
            if (part < 0x80) {
                return (raw >>> 1) ^ -(raw & 1);
            }
        }
        throw new WireException("a variable-length number is longer than 10 bytes");
    }

    float float32() {
        return littleEndian(4).getFloat();
    }

    double float64() {
        return littleEndian(8).getDouble();
    }

    void slice() {
        sliceLength = length(zigzagLong());
        sliceStart = position;
        position += sliceLength;
    }

    void slice(int fixedLength) {
        sliceLength = length(fixedLength);
        sliceStart = position;
        position += sliceLength;
    }

    byte[] bytes() {
        byte[] copy = new byte[sliceLength];
        System.arraycopy(data, sliceStart, copy, 0, sliceLength);
        return copy;
    }

    void skip(long count) {
        position += length(count);
    }

    private ByteBuffer littleEndian(int width) {
        slice(width);
        return ByteBuffer.wrap(data, sliceStart, width).order(ByteOrder.LITTLE_ENDIAN);
    }

    private int next() {
        if (position >= data.length) {
            throw new WireException("the message ends in the middle of a value");
        }
        return data[position++] & 0xff;
    }

    private int length(long wanted) {
        if (wanted < 0 || wanted > remaining()) {
            throw new WireException("a value of " + wanted + " bytes, but " + remaining() + " are left: truncated");
        }
        return (int) wanted;
    }
}
