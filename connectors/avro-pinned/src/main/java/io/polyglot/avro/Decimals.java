package io.polyglot.avro;

import java.math.BigDecimal;
import java.math.BigInteger;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.types.logical.DecimalType;

/** Exact passage between Avro's decimals (big-endian two's complement) and Flink's. Nothing is ever rounded. */
final class Decimals {
    private Decimals() {}

    static BigDecimal read(WireReader in, int scale) {
        int length = in.sliceLength;
        if (length == 0) {
            throw new WireException("a decimal of 0 bytes");
        }
        if (length > 8) {
            return new BigDecimal(new BigInteger(in.data(), in.sliceStart, length), scale);
        }
        // Prices and sizes fit into a long nearly always: no BigInteger for them.
        byte[] data = in.data();
        long unscaled = data[in.sliceStart];
        for (int i = 1; i < length; i++) {
            unscaled = (unscaled << 8) | (data[in.sliceStart + i] & 0xff);
        }
        return BigDecimal.valueOf(unscaled, scale);
    }

    static DecimalData toData(BigDecimal value, DecimalType column) {
        // fromBigDecimal would round to a smaller scale; that is excluded when the job is built.
        DecimalData data = DecimalData.fromBigDecimal(value, column.getPrecision(), column.getScale());
        if (data == null) {
            throw new WireException(value.toPlainString() + " does not fit " + column.asSummaryString());
        }
        return data;
    }
}
