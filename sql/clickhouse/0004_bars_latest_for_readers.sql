-- What readers get of the notionals is the exact value as text: plain decimal digits without trailing zeros, as in
-- the contract and as the closes of adjusted bars. The table keeps Decimal(76, 24), for SQL that computes with it:
-- toDecimal256(notional, 24) is that number again.
--
-- Why text: only Arrow's own readers know decimals of more than 38 digits. Of Decimal(76, 24), polars reads neither
-- Arrow nor Parquet, and DuckDB no Arrow, and of Parquet a DOUBLE, which is silently rounded. No narrower decimal
-- holds the values: one trade's notional may have 16 digits before the point and 24 after it, and a bar adds up many.
--
-- Every other column of this view and of quote_bars_latest and adjusted_bars_… is exact in pyarrow, polars, DuckDB
-- and pandas as it is: Decimal(28, 12), (29, 13) and (38, 12), times in µs with their zone, dates, UInt64, texts.
CREATE OR REPLACE VIEW bars_latest AS
SELECT * REPLACE (toString(notional) AS notional, toString(buy_notional) AS buy_notional) FROM bars FINAL;
