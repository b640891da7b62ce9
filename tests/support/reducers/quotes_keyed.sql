-- The sort key of a quote carries what a quote bar needs of it; see trades_keyed.sql for how it begins.
SELECT
  event_time,
  entity_id,
  CONCAT(
    CAST(event_time AS STRING),
    CAST((100000 + ingest_date) * 1000000000000 + entity_seq AS STRING),
    '|', CAST(bid_price AS STRING), '|', CAST(bid_size AS STRING),
    '|', CAST(ask_price AS STRING), '|', CAST(ask_size AS STRING)
  ) AS sort_key
FROM ${source}
