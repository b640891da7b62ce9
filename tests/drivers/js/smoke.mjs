// Smoke of @clickhouse/client: node smoke.mjs PORT USER PASSWORD (NODE_PATH does not count for modules, so it runs
// from a folder with node_modules). Exits 0 with one line of JSON (seconds by step), or 1 with a message.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, ClickHouseError } from "@clickhouse/client";

const [port, username, password] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}`;
const name = `default.smoke_js_${process.pid}`;
// Two clients: most settings are the driver's, and the second has compression of both sides.
const client = createClient({ url, username, password });
const packed = createClient({ url, username, password, compression: { request: true, response: true } });

const decimal = (units) => {
  const digits = String(units < 0n ? -units : units).padStart(13, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -12)}.${digits.slice(-12)}`;
};

const rows = Array.from({ length: 1000 }, (_, i) => ({
  id: String(i),
  price: decimal(BigInt(i) * 1_000_000_000_007n - 500n),
  at: `2024-08-08 12:00:00.${String(123456 + i).padStart(6, "0")}`,
  name: `näme ${i}`,
  note: i % 2 ? null : "a note\twith 'quotes' and \\ backslash",
  tags: i % 2 ? [] : ["a", "", "☃"],
  sizes: [i, -1],
}));

async function table(through, suffix) {
  const where = name + suffix;
  await through.command({
    query: `create table ${where} (id UInt64, price Decimal(38, 12), at DateTime64(6, 'UTC'), name String,
      note Nullable(String), tags Array(String), sizes Array(Int32)) engine = MergeTree order by id`,
  });
  const inserted = await through.insert({ table: where, values: rows, format: "JSONEachRow" });
  ok(inserted.executed && inserted.query_id, "the insert has no query id");
  const found = await through.query({
    query: `select * from ${where} where id >= {first:UInt64} order by id`,
    query_params: { first: 0 },
    format: "JSONEachRow",
    clickhouse_settings: {
      output_format_json_quote_decimals: 1,
      output_format_json_quote_64bit_integers: 1,
      output_format_decimal_trailing_zeros: 1,
    },
  });
  deepStrictEqual(await found.json(), rows);
  await through.command({ query: `drop table ${where}` });
}

async function stream(through) {
  const found = await through.query({
    query: "select number, toString(number) as text from numbers(1000000)",
    format: "JSONCompactEachRow",
  });
  let [count, sum, length] = [0, 0n, 0];
  for await (const block of found.stream()) {
    for (const row of block) {
      const [number, text] = row.json();
      count += 1;
      sum += BigInt(number);
      length += text.length;
    }
  }
  deepStrictEqual([count, sum, length], [1_000_000, 499_999_500_000n, 5_888_890]);
}

const running = async (id) => {
  const query = "select count() as n from system.processes where query_id = {id:String}";
  const found = await client.query({ query, query_params: { id }, format: "JSON" });
  return Number((await found.json()).data[0].n);
};

async function gone(id) {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(100)) {
    if ((await running(id)) === 0) return;
  }
  throw new Error("the cancelled query still runs after 10 s");
}

async function cancel() {
  const id = `${name}_long`;
  const stop = new AbortController();
  const query = "select sum(sleep(1)) from numbers(20000000)";
  const long = client.query({ query, query_id: id, format: "JSON", abort_signal: stop.signal }).then(
    () => "ended by itself",
    (error) => error.message,
  );
  await sleep(1000);
  ok((await running(id)) === 1, "the long query is not in system.processes");
  stop.abort();
  ok(/abort/i.test(await long), "the long query was not aborted");
  await gone(id);
}

async function kill() {
  const id = `${name}_killed`;
  const query = "select sum(sleep(1)) from numbers(20000000)";
  const long = client.query({ query, query_id: id, format: "JSON" }).then(() => null, (error) => error);
  await sleep(1000);
  await client.command({ query: `KILL QUERY WHERE query_id = '${id}'` });
  const error = await long;
  ok(error instanceof ClickHouseError && error.code === "394", `a killed query gave ${error}`);
}

async function failure() {
  const error = await client.query({ query: "select * from default.no_such_table" }).then(() => null, (e) => e);
  ok(error instanceof ClickHouseError, `a missing table gave ${error}`);
  deepStrictEqual([error.code, error.type], ["60", "UNKNOWN_TABLE"]);
}

const steps = {
  connect: async () => {
    strictEqual((await client.ping()).success, true);
    strictEqual((await client.ping({ select: true })).success, true);
  },
  table: () => table(client, ""),
  table_gzip: () => table(packed, "_gzip"),
  stream: () => stream(client),
  stream_gzip: () => stream(packed),
  cancel,
  kill,
  failure,
};

const took = {};
try {
  for (const [step, work] of Object.entries(steps)) {
    const started = performance.now();
    try {
      await work();
    } catch (error) {
      error.message = `${step}: ${error.message}`;
      throw error;
    }
    took[step] = Number(((performance.now() - started) / 1000).toFixed(3));
  }
  console.log(JSON.stringify(took));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await client.close();
  await packed.close();
}
