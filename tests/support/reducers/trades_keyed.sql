-- Exact columns of a trade, and its sort key. The key begins with 16 digits of event time (µs of 2009..2100, which the
-- gates guarantee, have 16) and 18 of ingest date and sequence: no padding needed.
SELECT
  event_time,
  entity_id,
  price,
  size,
  ${product} AS notional,
  CASE WHEN aggressor = 'buy' THEN 1 ELSE 0 END AS bought,
  CONCAT(
    CAST(event_time AS STRING),
    CAST((100000 + ingest_date) * 1000000000000 + entity_seq AS STRING),
    '|', CAST(price AS STRING), '|', venue_trade_id
  ) AS sort_key
FROM ${source}
