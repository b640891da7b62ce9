-- Quote bars: the last quote of each window and how many there were (see bars.sql for the rules).
SELECT
  entity_id,
  COUNT(*) AS quote_count,
  MAX(sort_key) AS close_key
FROM quotes_keyed
GROUP BY entity_id, ${window}
