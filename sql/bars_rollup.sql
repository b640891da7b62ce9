-- Longer bars from the 1s bars' reductions: every reducer of bars.sql is a sum, a count, a minimum or a maximum, so the
-- reduction of a set is the reduction of its parts' reductions. A batch that has all of an input folds five intervals
-- for the price of one; a test holds it against bars.sql. The window comes from the opening trade's time,
-- or a revision's.
SELECT
  entity_id,
  '${interval}' AS `interval`,
  SUM(`version`) AS `version`,
  SUM(trade_count) AS trade_count,
  MIN(revised_at) AS revised_at,
  MIN(open_key) AS open_key,
  MAX(close_key) AS close_key,
  MAX(high) AS high,
  MIN(low) AS low,
  SUM(size_l0) AS size_l0,
  SUM(size_l1) AS size_l1,
  SUM(size_l2) AS size_l2,
  SUM(notional_l0) AS notional_l0,
  SUM(notional_l1) AS notional_l1,
  SUM(notional_l2) AS notional_l2,
  SUM(notional_l3) AS notional_l3,
  SUM(buy_size_l0) AS buy_size_l0,
  SUM(buy_size_l1) AS buy_size_l1,
  SUM(buy_size_l2) AS buy_size_l2,
  SUM(buy_notional_l0) AS buy_notional_l0,
  SUM(buy_notional_l1) AS buy_notional_l1,
  SUM(buy_notional_l2) AS buy_notional_l2,
  SUM(buy_notional_l3) AS buy_notional_l3
FROM bars_1s
GROUP BY entity_id, ${window}
