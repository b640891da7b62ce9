-- Closes as traded and as adjusted, every version of each: what was known when (known_from), in effect as of when (as_of).
-- The same record inserted twice is one row.
CREATE TABLE IF NOT EXISTS adjusted_bars_history
(
    entity_id          String,
    date               Date32,
    as_of              Date32,
    event_date         Date32 DEFAULT date,
    source_entity_id   String,
    status             LowCardinality(String),
    currency           LowCardinality(String),
    basis              LowCardinality(String),
    close              String,
    adjusted_close     Decimal(38, 12),
    total_return_close Decimal(38, 12),
    volume             String,
    adjusted_volume    Decimal(38, 12),
    rules              String,
    known_from         DateTime64(6, 'UTC'),
    version            UInt64,
    inserted_at        DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY intDiv(toYear(date), 10)
ORDER BY (entity_id, date, as_of, version);

-- The latest version of each (session, as_of).
CREATE TABLE IF NOT EXISTS adjusted_bars AS adjusted_bars_history
ENGINE = ReplacingMergeTree(version)
PARTITION BY intDiv(toYear(date), 10)
ORDER BY (entity_id, date, as_of);

CREATE MATERIALIZED VIEW IF NOT EXISTS adjusted_bars_feed TO adjusted_bars AS SELECT * FROM adjusted_bars_history;

-- One row a session, with every action in effect by what is known now.
CREATE VIEW IF NOT EXISTS adjusted_bars_latest AS
SELECT * FROM (SELECT * FROM adjusted_bars FINAL ORDER BY entity_id, date, as_of DESC LIMIT 1 BY entity_id, date)
WHERE status = 'live';

-- The same as of a date, by what is known now: select … from adjusted_bars_as_of(as_of = '2024-05-01').
CREATE VIEW IF NOT EXISTS adjusted_bars_as_of AS
SELECT * FROM
(
    SELECT * FROM adjusted_bars FINAL WHERE as_of <= {as_of:Date32}
    ORDER BY entity_id, date, as_of DESC LIMIT 1 BY entity_id, date
)
WHERE status = 'live';

-- As of a date, as it was known at a time:
-- select … from adjusted_bars_as_known_at(known_at = '2024-05-01 12:00:00', as_of = '2024-05-01').
CREATE VIEW IF NOT EXISTS adjusted_bars_as_known_at AS
SELECT * FROM
(
    SELECT * FROM adjusted_bars_history
    WHERE known_from <= {known_at:DateTime64(6, 'UTC')} AND as_of <= {as_of:Date32}
    ORDER BY entity_id, date, as_of DESC, version DESC LIMIT 1 BY entity_id, date
)
WHERE status = 'live';
