-- Trade bars: the reducers, written once for both engines. Only commutative, exact reducers: sum and count of integers,
-- min and max of decimals or of a sortable text (law 5). open_key/close_key order trades by (event_time, ingest_date,
-- entity_seq) and carry price and id behind the order; the finishing kernel (udfs/bars.py) takes them apart. All rows
-- are contributing events; those without a sort key are cancelled trades and revisions (revisions_keyed.sql).
SELECT
  entity_id,
  '${interval}' AS `interval`,
  COUNT(*) AS `version`,
  COUNT(sort_key) AS trade_count,
  MIN(revised_at) AS revised_at,
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
