-- Trades of one entity in one window of event time. A correction is the same key with a higher version:
-- merges keep the highest, FINAL shows it at once.
CREATE TABLE IF NOT EXISTS bars
(
    entity_id      String,
    interval       LowCardinality(String),
    window_start   DateTime64(6, 'UTC'),
    window_end     DateTime64(6, 'UTC'),
    event_date     Date DEFAULT toDate(window_start, 'UTC'),
    open           Decimal(28, 12),
    high           Decimal(28, 12),
    low            Decimal(28, 12),
    close          Decimal(28, 12),
    volume         Decimal(38, 12),
    notional       Decimal(76, 24),
    vwap           Decimal(28, 12),
    trade_count    UInt64,
    first_trade_id String,
    last_trade_id  String,
    buy_volume     Decimal(38, 12),
    buy_notional   Decimal(76, 24),
    version        UInt64,
    inserted_at    DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(event_date)
ORDER BY (entity_id, event_date, interval, window_start);

CREATE VIEW IF NOT EXISTS bars_latest AS SELECT * FROM bars FINAL;
