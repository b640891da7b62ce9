{{ config(materialized='table', engine='MergeTree()', order_by='symbol') }}
select symbol, count() as trades, sum(price) as turnover from {{ ref('trades') }} group by symbol
