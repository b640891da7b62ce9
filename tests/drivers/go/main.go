// Smoke of github.com/ClickHouse/clickhouse-go over HTTP: go run . [-compression lz4] PORT USER PASSWORD
//
// Exits 0 with one line of JSON (seconds by step), or 1 with a message.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"
)

const million = 1_000_000

type row struct {
	ID    uint64
	Price decimal.Decimal
	At    time.Time
	Name  string
	Note  *string
	Tags  []string
	Sizes []int32
}

func rows() []row {
	note := "a note\twith 'quotes' and \\ backslash"
	start := time.Date(2024, 8, 8, 12, 0, 0, 123_456_000, time.UTC)
	out := make([]row, 0, 1000)
	for i := range 1000 {
		item := row{
			ID:    uint64(i),
			Price: decimal.New(int64(i)*1_000_000_000_007-500, -12),
			At:    start.Add(time.Duration(i) * time.Microsecond),
			Name:  "näme " + strconv.Itoa(i),
			Tags:  []string{},
			Sizes: []int32{int32(i), -1},
		}
		if i%2 == 0 {
			item.Note, item.Tags = &note, []string{"a", "", "☃"}
		}
		out = append(out, item)
	}
	return out
}

func connect(port, user, password, compression string) (driver.Conn, error) {
	options := &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{"127.0.0.1:" + port},
		Auth:     clickhouse.Auth{Database: "default", Username: user, Password: password},
	}
	switch compression {
	case "default":
	case "lz4":
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	case "zstd":
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionZSTD}
	case "gzip":
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionGZIP, Level: 3}
	default:
		return nil, fmt.Errorf("unknown compression %q", compression)
	}
	return clickhouse.Open(options)
}

func table(ctx context.Context, conn driver.Conn, name string) error {
	statement := "create table " + name + ` (id UInt64, price Decimal(38, 12), at DateTime64(6, 'UTC'), name String,
		note Nullable(String), tags Array(String), sizes Array(Int32)) engine = MergeTree order by id`
	if err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	batch, err := conn.PrepareBatch(ctx, "insert into "+name)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	want := rows()
	for _, item := range want {
		if err := batch.Append(item.ID, item.Price, item.At, item.Name, item.Note, item.Tags, item.Sizes); err != nil {
			return fmt.Errorf("append: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	found, err := conn.Query(ctx, "select id, price, at, name, note, tags, sizes from "+name+" order by id")
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer found.Close()
	count := 0
	for found.Next() {
		var item row
		if err := found.Scan(&item.ID, &item.Price, &item.At, &item.Name, &item.Note, &item.Tags, &item.Sizes); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if count >= len(want) {
			return errors.New("more rows than inserted")
		}
		if !same(item, want[count]) {
			return fmt.Errorf("row %d came back as %+v", count, item)
		}
		count++
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if count != len(want) {
		return fmt.Errorf("%d rows came back of %d", count, len(want))
	}
	return nil
}

func same(a, b row) bool {
	if !a.Price.Equal(b.Price) || !a.At.Equal(b.At) {
		return false
	}
	a.Price, a.At = b.Price, b.At
	return reflect.DeepEqual(a, b)
}

func stream(ctx context.Context, conn driver.Conn) error {
	found, err := conn.Query(ctx, "select number, toString(number) as text from numbers(1000000)")
	if err != nil {
		return err
	}
	defer found.Close()
	var count, sum, length uint64
	for found.Next() {
		var number uint64
		var text string
		if err := found.Scan(&number, &text); err != nil {
			return err
		}
		count, sum, length = count+1, sum+number, length+uint64(len(text))
	}
	if err := found.Err(); err != nil {
		return err
	}
	if count != million || sum != million*(million-1)/2 || length != 5_888_890 {
		return fmt.Errorf("count %d, sum %d, length %d", count, sum, length)
	}
	return nil
}

// cancel gives up a query that would take minutes, and waits until the engine has given it up, too.
func cancel(ctx context.Context, conn driver.Conn, marker string) error {
	limited, stop := context.WithTimeout(clickhouse.Context(ctx, clickhouse.WithQueryID(marker)), 700*time.Millisecond)
	defer stop()
	started := time.Now()
	var sum uint64
	err := conn.QueryRow(limited, "select sum(sleep(1)) from numbers(20000000)").Scan(&sum)
	if err == nil {
		return errors.New("the long query ended by itself")
	}
	if waited := time.Since(started); waited > 10*time.Second {
		return fmt.Errorf("the cancelled call returned only after %s: %w", waited, err)
	}
	return gone(ctx, conn, marker)
}

func gone(ctx context.Context, conn driver.Conn, id string) error {
	var running uint64
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		err := conn.QueryRow(ctx, "select count() from system.processes where query_id = $1", id).Scan(&running)
		if err != nil {
			return fmt.Errorf("system.processes: %w", err)
		}
		if running == 0 {
			return nil
		}
	}
	return errors.New("the cancelled query still runs after 10 s")
}

func failure(ctx context.Context, conn driver.Conn) error {
	_, err := conn.Query(ctx, "select * from default.no_such_table")
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) || exception.Code != 60 {
		return fmt.Errorf("a missing table gave %w", err)
	}
	return nil
}

func run() (map[string]float64, error) {
	compression := flag.String("compression", "default", "default, lz4, zstd or gzip")
	flag.Parse()
	if flag.NArg() != 3 {
		return nil, errors.New("arguments: PORT USER PASSWORD")
	}

	ctx, stop := context.WithTimeout(context.Background(), 100*time.Second)
	defer stop()
	conn, err := connect(flag.Arg(0), flag.Arg(1), flag.Arg(2), *compression)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()

	name := fmt.Sprintf("default.smoke_go_%s_%d", *compression, os.Getpid())
	took := map[string]float64{}
	for _, step := range []struct {
		name string
		work func() error
	}{
		{"connect", func() error { return conn.Ping(ctx) }},
		{"table", func() error { return table(ctx, conn, name) }},
		{"stream", func() error { return stream(ctx, conn) }},
		{"cancel", func() error { return cancel(ctx, conn, name+"_long") }},
		{"error", func() error { return failure(ctx, conn) }},
		{"drop", func() error { return conn.Exec(ctx, "drop table "+name) }},
	} {
		started := time.Now()
		if err := step.work(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		took[step.name] = time.Since(started).Seconds()
	}
	return took, nil
}

func main() {
	took, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(took); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
