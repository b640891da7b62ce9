-- A cancel or a correction as a row beside its trade's (trades_keyed.sql), in the windows of the trade's time. It is an
-- event that contributes, so it counts; what it changes is in the trade's own row, where an engine can undo one.
SELECT
  ${time}entity_id,
  CAST(NULL AS DECIMAL(28, 12)) AS price,
  CAST(0 AS BIGINT) AS size_l0, CAST(0 AS BIGINT) AS size_l1, CAST(0 AS BIGINT) AS size_l2,
  CAST(0 AS BIGINT) AS notional_l0, CAST(0 AS BIGINT) AS notional_l1,
  CAST(0 AS BIGINT) AS notional_l2, CAST(0 AS BIGINT) AS notional_l3,
  0 AS bought,
  CAST(NULL AS STRING) AS sort_key,
  trade_time AS revised_at
FROM ${source}
