select symbol, argMax(price, at) as price, max(at) as last from {{ ref('trades') }} group by symbol
