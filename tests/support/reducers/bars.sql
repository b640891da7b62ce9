-- Trade bars: only commutative, exact reducers: sum and count, min and max of decimals or of a sortable text (law 5).
-- open_key/close_key order trades by (event_time, ingest_date, entity_seq) and carry price and id behind the order;
-- support/finishing.py takes them apart. Engines differ in how they sum decimals exactly.
SELECT
  entity_id,
  COUNT(*) AS trade_count,
  MIN(sort_key) AS open_key,
  MAX(sort_key) AS close_key,
  MAX(price) AS high,
  MIN(price) AS low,
  ${total}(size) AS volume,
  ${total}(notional) AS notional,
  ${total}(CASE WHEN bought = 1 THEN size END) AS buy_volume,
  ${total}(CASE WHEN bought = 1 THEN notional END) AS buy_notional
FROM trades_keyed
GROUP BY entity_id, ${window}
