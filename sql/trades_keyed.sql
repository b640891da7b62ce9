-- Exact columns of a trade, and its sort key, computed once for all intervals.
SELECT
  ${time}entity_id,
  price,
  size_l0, size_l1, size_l2,
  notional_l0, notional_l1, notional_l2, notional_l3,
  CASE WHEN aggressor = 'buy' THEN 1 ELSE 0 END AS bought,
  CONCAT(
    LPAD(CAST(event_time AS STRING), 16, '0'),
    LPAD(CAST(ingest_date AS STRING), 6, '0'),
    LPAD(CAST(entity_seq AS STRING), 12, '0'),
    '|', CAST(price AS STRING), '|', venue_trade_id
  ) AS sort_key
FROM ${source}
