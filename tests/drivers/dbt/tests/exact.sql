-- Rows of this query are failures: decimals and microseconds went through the seed unchanged.
select * from {{ ref('latest') }}
where not ((symbol = 'BTCUSDT' and price = 60001) or (symbol = 'ETHUSDT' and last = toDateTime64('2024-08-08 12:00:01.123456', 6, 'UTC')))
union all
select symbol, turnover, now64(6, 'UTC') from {{ ref('totals') }} where symbol = 'BTCUSDT' and turnover != 120001.123456789012
