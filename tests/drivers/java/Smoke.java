// Smoke of com.clickhouse:clickhouse-jdbc with its default URL: java -cp 'JARS/*' Smoke.java PORT USER PASSWORD
//
// Exits 0 with one line of JSON (seconds by step), or 1 with a message.

import java.math.BigDecimal;
import java.math.BigInteger;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

public final class Smoke {
    private static final int ROWS = 1000;
    private static final int MILLION = 1_000_000;

    private record Row(long id, BigDecimal price, Instant at, String name, String note, List<?> tags, List<?> sizes) {}

    private interface Step {
        void run(Connection connection, String table) throws Exception;
    }

    private static Row row(int i) {
        boolean even = i % 2 == 0;
        return new Row(
                i,
                new BigDecimal(BigInteger.valueOf(i).multiply(new BigInteger("1000000000007")).subtract(BigInteger.valueOf(500)), 12),
                Instant.parse("2024-08-08T12:00:00.123456Z").plusNanos(1000L * i),
                "näme " + i,
                even ? "a note\twith 'quotes' and \\ backslash" : null,
                even ? List.of("a", "", "☃") : List.of(),
                List.of(i, -1));
    }

    private static void table(Connection connection, String table) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute("create table " + table + " (id UInt64, price Decimal(38, 12), at DateTime64(6, 'UTC'), name String,"
                    + " note Nullable(String), tags Array(String), sizes Array(Int32)) engine = MergeTree order by id");
        }
        try (PreparedStatement insert = connection.prepareStatement("insert into " + table + " values (?, ?, ?, ?, ?, ?, ?)")) {
            for (int i = 0; i < ROWS; i++) {
                Row row = row(i);
                insert.setLong(1, row.id());
                insert.setBigDecimal(2, row.price());
                insert.setObject(3, row.at().atZone(ZoneOffset.UTC));
                insert.setString(4, row.name());
                insert.setString(5, row.note());
                insert.setArray(6, connection.createArrayOf("String", row.tags().toArray()));
                insert.setArray(7, connection.createArrayOf("Int32", row.sizes().toArray()));
                insert.addBatch();
            }
            insert.executeBatch();
        }
        int count = 0;
        try (PreparedStatement select = connection.prepareStatement("select * from " + table + " where id >= ? order by id")) {
            select.setLong(1, 0);
            try (ResultSet found = select.executeQuery()) {
                while (found.next()) {
                    Row row = new Row(
                            found.getLong("id"),
                            found.getBigDecimal("price"),
                            found.getObject("at", ZonedDateTime.class).toInstant(),
                            found.getString("name"),
                            found.getString("note"),
                            list(found.getArray("tags")),
                            list(found.getArray("sizes")));
                    check(row.equals(row(count)), "row " + count + " came back as " + row);
                    count++;
                }
            }
        }
        check(count == ROWS, count + " rows came back of " + ROWS);
        try (Statement statement = connection.createStatement()) {
            statement.execute("drop table " + table);
        }
    }

    private static List<?> list(Array array) throws SQLException {
        Object items = array.getArray();
        return items instanceof int[] numbers
                ? Arrays.stream(numbers).boxed().toList()
                : new ArrayList<>(Arrays.asList((Object[]) items));
    }

    private static void stream(Connection connection, String table) throws Exception {
        try (Statement statement = connection.createStatement();
                ResultSet found = statement.executeQuery("select number, toString(number) as text from numbers(1000000)")) {
            long count = 0;
            long sum = 0;
            long length = 0;
            while (found.next()) {
                count++;
                sum += found.getLong(1);
                length += found.getString(2).length();
            }
            check(count == MILLION && sum == 499_999_500_000L && length == 5_888_890L, "count " + count + ", sum " + sum + ", length " + length);
        }
    }

    private static void metadata(Connection connection, String table) throws Exception {
        check(connection.isValid(10), "the connection is not valid");
        check(connection.getMetaData().getDatabaseProductVersion().matches("\\d+\\.\\d+.*"), "no version");
        try (ResultSet found = connection.getMetaData().getTables(null, "system", "one", null)) {
            check(found.next() && found.getString("TABLE_NAME").equals("one"), "system.one is not among the tables");
        }
    }

    /** Cancel from another thread, as tools do: the driver sends KILL QUERY with the id that it gave. */
    private static void cancel(Connection connection, String table) throws Exception {
        try (Statement statement = connection.createStatement()) {
            CompletableFuture<String> ended = CompletableFuture.supplyAsync(() -> {
                try (ResultSet found = statement.executeQuery("select sum(sleep(1)) as " + table + " from numbers(20000000)")) {
                    return found.next() ? "a result" : "no row";
                } catch (SQLException error) {
                    return null;
                }
            });
            await(connection, table, 1);
            statement.cancel();
            String answer = ended.get(20, TimeUnit.SECONDS);
            check(answer == null, "the cancelled query gave " + answer);
            await(connection, table, 0);
        }
    }

    private static void await(Connection connection, String marker, int wanted) throws Exception {
        String running = "select count() from system.processes where query like ? and query not like '%system.processes%'";
        try (PreparedStatement select = connection.prepareStatement(running)) {
            select.setString(1, "%sum(sleep(1))%" + marker + "%");
            for (long end = System.nanoTime() + 10_000_000_000L; System.nanoTime() < end; Thread.sleep(100)) {
                try (ResultSet found = select.executeQuery()) {
                    found.next();
                    if (found.getInt(1) == wanted) {
                        return;
                    }
                }
            }
        }
        throw new IllegalStateException("system.processes did not come to " + wanted + " within 10 s");
    }

    private static void failure(Connection connection, String table) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("select * from no_such_table");
        } catch (SQLException error) {
            check(error.getErrorCode() == 60, "a missing table gave code " + error.getErrorCode() + ": " + error.getMessage());
            return;
        }
        throw new IllegalStateException("a missing table gave a result");
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }

    public static void main(String[] arguments) {
        String url = "jdbc:clickhouse://127.0.0.1:" + arguments[0] + "/default";
        Properties properties = new Properties();
        properties.setProperty("user", arguments[1]);
        properties.setProperty("password", arguments[2]);
        String table = "smoke_java_" + ProcessHandle.current().pid();
        String[] names = {"connect", "table", "stream", "cancel", "error"};
        Step[] steps = {Smoke::metadata, Smoke::table, Smoke::stream, Smoke::cancel, Smoke::failure};
        List<String> took = new ArrayList<>();
        String step = "connect";
        int code = 0;
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            for (int i = 0; i < steps.length; i++) {
                step = names[i];
                long started = System.nanoTime();
                steps[i].run(connection, table);
                took.add(String.format(Locale.ROOT, "\"%s\": %.3f", step, (System.nanoTime() - started) / 1e9));
            }
            System.out.println("{" + String.join(", ", took) + "}");
        } catch (Exception error) {
            System.err.println(step + ": " + Objects.requireNonNullElse(error.getMessage(), error.toString()));
            if (System.getenv("SMOKE_TRACE") != null) {
                error.printStackTrace();
            }
            code = 1;
        }
        System.exit(code);
    }

    private Smoke() {}
}
