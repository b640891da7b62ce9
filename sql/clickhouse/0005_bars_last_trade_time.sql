-- When the closing trade was: the contract bar.v2. Null in bars of version 1, and where every trade is cancelled.
ALTER TABLE bars ADD COLUMN IF NOT EXISTS last_trade_time Nullable(DateTime64(6, 'UTC')) AFTER version;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW bars_latest AS
SELECT * REPLACE (toString(notional) AS notional, toString(buy_notional) AS buy_notional) FROM bars FINAL;
