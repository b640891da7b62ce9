{{ config(materialized='incremental', engine='MergeTree()', order_by='id', unique_key='id') }}
select id, symbol, price, at, {% if is_incremental() %}2{% else %}1{% endif %} as run from {{ ref('trades') }}
{% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}
