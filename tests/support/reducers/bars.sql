-- Trade bars: only commutative, exact reducers: sum and count of integers, min and max of decimals or of a sortable text
-- (law 5). open_key/close_key order trades by (event_time, ingest_date, entity_seq) and carry price and id behind the
-- order; support/finishing.py takes them apart.
SELECT
  entity_id,
  '${interval}' AS `interval`,
  COUNT(*) AS trade_count,
  MIN(sort_key) AS open_key,
  MAX(sort_key) AS close_key,
  MAX(price) AS high,
  MIN(price) AS low,
  SUM(size_l0) AS size_l0,
  SUM(size_l1) AS size_l1,
  SUM(size_l2) AS size_l2,
  SUM(notional_l0) AS notional_l0,
  SUM(notional_l1) AS notional_l1,
  SUM(notional_l2) AS notional_l2,
  SUM(notional_l3) AS notional_l3,
  SUM(bought * size_l0) AS buy_size_l0,
  SUM(bought * size_l1) AS buy_size_l1,
  SUM(bought * size_l2) AS buy_size_l2,
  SUM(bought * notional_l0) AS buy_notional_l0,
  SUM(bought * notional_l1) AS buy_notional_l1,
  SUM(bought * notional_l2) AS buy_notional_l2,
  SUM(bought * notional_l3) AS buy_notional_l3
FROM trades_keyed
GROUP BY entity_id, ${window}
