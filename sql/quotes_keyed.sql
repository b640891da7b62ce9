-- The sort key of a quote carries what a quote bar needs of it.
SELECT
  ${time}entity_id,
  CONCAT(
    LPAD(CAST(event_time AS STRING), 16, '0'),
    LPAD(CAST(ingest_date AS STRING), 6, '0'),
    LPAD(CAST(entity_seq AS STRING), 12, '0'),
    '|', CAST(bid_price AS STRING), '|', CAST(bid_size AS STRING),
    '|', CAST(ask_price AS STRING), '|', CAST(ask_size AS STRING)
  ) AS sort_key
FROM ${source}
