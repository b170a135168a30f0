package analytics

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var methods = map[string]clickhouse.CompressionMethod{"lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD, "gzip": clickhouse.CompressionGZIP}

// runGo does a task through clickhouse-go, over HTTP as the archive's own writer.
func runGo(t *testing.T, k task) report {
	g := goClient{t, k}
	c := g.open(k.User, "lz4", clickhouse.Settings{"session_id": k.Session})
	g.must(c.Exec(t.Context(), fmt.Sprintf("SET max_threads = %d", k.Setting)))
	r := report{Answers: map[string]string{}, Streams: map[string]reading{}, Errors: map[string]refusal{}, Inserts: map[string][]int{}}
	for _, q := range k.Questions {
		parameters := clickhouse.Parameters{}
		for _, p := range q.Parameters {
			parameters[p.Name] = p.Value
		}
		r.Answers[q.Name] = g.answer(c, q.SQL, parameters)
	}
	r.Echo = g.echo(c)
	ofQuestion := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": k.Setting, "session_id": k.Session}))
	r.Settings = []int{g.number(t.Context(), c, "SELECT toUInt64(getSetting('max_threads'))"), g.number(ofQuestion, c, "SELECT toUInt64(getSetting('max_block_size'))")}
	for name, text := range k.Mistakes {
		_, err := g.read(t.Context(), c, text, 0)
		r.Errors[name] = g.refusal(err)
	}
	r.Errors["a write"] = g.refusal(c.Exec(t.Context(), k.Write))
	for _, codec := range k.Codecs {
		var err error
		r.Streams[codec], err = g.read(t.Context(), g.open(k.User, codec, nil), k.Stream, 0)
		g.must(err)
		r.Inserts[codec] = g.insert(codec)
	}
	left, err := g.read(t.Context(), g.open(k.User, "lz4", nil), k.Endless, k.Enough)
	g.must(err)
	r.Left = left.Rows
	return r
}

type goClient struct {
	t *testing.T
	k task
}

func (g goClient) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g goClient) open(user, codec string, settings clickhouse.Settings) driver.Conn {
	g.t.Helper()
	c, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{strings.TrimPrefix(g.k.URL, "http://")}, Protocol: clickhouse.HTTP, Auth: clickhouse.Auth{Username: user},
		Compression: &clickhouse.Compression{Method: methods[codec]}, Settings: settings, MaxOpenConns: 1,
	})
	g.must(err)
	g.t.Cleanup(func() { _ = c.Close() }) // it only reads, or is done
	return c
}

// answer gives a result as TSVWithNames has it.
func (g goClient) answer(c driver.Conn, text string, parameters clickhouse.Parameters) string {
	g.t.Helper()
	rows, err := c.Query(clickhouse.Context(g.t.Context(), clickhouse.WithParameters(parameters)), text)
	g.must(err)
	lines := []string{strings.Join(rows.Columns(), "\t")}
	for rows.Next() {
		var values []any
		for _, column := range rows.ColumnTypes() {
			values = append(values, reflect.New(column.ScanType()).Interface())
		}
		g.must(rows.Scan(values...))
		cells := make([]string, len(values))
		for i, column := range rows.ColumnTypes() {
			cells[i] = cell(reflect.ValueOf(values[i]).Elem(), column.DatabaseTypeName())
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	g.must(rows.Err())
	return strings.Join(lines, "\n") + "\n"
}

var escape = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\t", `\t`, "\n", `\n`)

// cell is a value as TSV has it.
func cell(v reflect.Value, kind string) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return `\N`
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		if kind == "Date" {
			return x.Format(time.DateOnly)
		}
		return x.UTC().Format("2006-01-02 15:04:05.000")
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case string:
		return escape.Replace(x)
	default:
		return fmt.Sprint(x)
	}
}

func (g goClient) echo(c driver.Conn) []any {
	g.t.Helper()
	var text string
	var list []string
	// The client leaves it to its user to write values as TSV has them.
	parameters := clickhouse.Parameters{"echo": escape.Replace(g.k.Echo), "list": "['" + escape.Replace(g.k.Echo) + "']"}
	row := c.QueryRow(clickhouse.Context(g.t.Context(), clickhouse.WithParameters(parameters)), "SELECT {echo:String}, {list:Array(String)}")
	g.must(row.Scan(&text, &list))
	all := make([]any, len(list))
	for i := range list {
		all[i] = list[i]
	}
	return []any{text, all}
}

func (g goClient) number(ctx context.Context, c driver.Conn, text string) int {
	g.t.Helper()
	var n uint64
	g.must(c.QueryRow(ctx, text).Scan(&n))
	return int(n)
}

// read reads a result's rows; one of more than enough is left there, where that is not 0.
func (g goClient) read(ctx context.Context, c driver.Conn, text string, enough int) (reading, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := c.Query(ctx, text)
	if err != nil {
		return reading{}, err
	}
	var r reading
	values := make([]any, len(rows.Columns()))
	for i, column := range rows.ColumnTypes() {
		values[i] = reflect.New(column.ScanType()).Interface()
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return r, err
		}
		r.Rows++
		r.Sum += int(*values[0].(*uint64))
		if r.Rows == enough {
			cancel()
			_ = rows.Close() // it was cut off
			return r, nil
		}
	}
	return r, rows.Err()
}

func (g goClient) refusal(err error) refusal {
	var e *clickhouse.Exception
	if errors.As(err, &e) {
		return refusal{int(e.Code), e.Message}
	}
	return refusal{Text: fmt.Sprint(err)}
}

// insert writes rows, as one who may, and says what is there then.
func (g goClient) insert(codec string) []int {
	g.t.Helper()
	ctx := g.t.Context()
	c := g.open(g.k.Writer, codec, nil)
	table := g.k.Scratch + "." + codec
	g.must(c.Exec(ctx, "CREATE TABLE "+table+" (n UInt64, s String) ENGINE = MergeTree ORDER BY n"))
	batch, err := c.PrepareBatch(ctx, "INSERT INTO "+table)
	g.must(err)
	for n := range g.k.Insert {
		g.must(batch.Append(uint64(n), fmt.Sprintf("é %d", n)))
	}
	g.must(batch.Send())
	var count, sum, same uint64
	g.must(c.QueryRow(ctx, "SELECT count(), sum(n), countIf(s = concat('é ', toString(n))) FROM "+table).Scan(&count, &sum, &same))
	return []int{int(count), int(sum), int(same)}
}
