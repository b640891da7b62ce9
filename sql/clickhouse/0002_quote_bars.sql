-- Top of book at the close of each second. A correction is the same key with a higher version.
CREATE TABLE IF NOT EXISTS quote_bars
(
    entity_id    String,
    window_start DateTime64(6, 'UTC'),
    window_end   DateTime64(6, 'UTC'),
    event_date   Date DEFAULT toDate(window_start, 'UTC'),
    bid_price    Decimal(28, 12),
    bid_size     Decimal(28, 12),
    ask_price    Decimal(28, 12),
    ask_size     Decimal(28, 12),
    spread       Decimal(28, 12),
    mid          Decimal(29, 13),
    microprice   Decimal(28, 12),
    imbalance    Decimal(28, 12),
    quote_count  UInt64,
    version      UInt64,
    inserted_at  DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(event_date)
ORDER BY (entity_id, event_date, window_start);

CREATE VIEW IF NOT EXISTS quote_bars_latest AS SELECT * FROM quote_bars FINAL;
