package chdbd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/internal/devstack"
)

// native opens clickhouse-go over HTTP, as the archive does.
func native(t *testing.T, addr string, method clickhouse.CompressionMethod) driver.Conn {
	t.Helper()
	c, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{addr}, Protocol: clickhouse.HTTP, Compression: &clickhouse.Compression{Method: method},
		Auth: clickhouse.Auth{Username: "default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestClickHouseGo: the driver writes and reads every type that the archive's tables have, with each compression.
func TestClickHouseGo(t *testing.T) {
	server := start(t)
	exec(t, server.URL(), `CREATE TABLE t (
		n UInt64, s String, l LowCardinality(String), d DateTime64(3, 'UTC'), f FixedString(4), a Array(UInt64), o Nullable(String),
		m Map(String, UInt32), b Bool, e Enum8('x' = 1, 'y' = 2), i Int64, k Array(LowCardinality(String)), u UUID
	) ENGINE = MergeTree ORDER BY n`)
	ctx := t.Context()
	at := time.UnixMilli(1_700_000_000_123).UTC()
	for round, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD, clickhouse.CompressionGZIP} {
		c := native(t, server.Addr(), method)
		batch, err := c.PrepareBatch(ctx, "INSERT INTO t")
		if err != nil {
			t.Fatal(err)
		}
		const rows = 10_000
		for i := range rows {
			n := uint64(round*rows + i)
			text := fmt.Sprint("é", n)
			var o *string
			if i%2 == 0 {
				o = &text
			}
			if err := batch.Append(n, text, "low"+fmt.Sprint(i%3), at, "abcd", []uint64{n, n + 1}, o, map[string]uint32{"k": uint32(i)}, i%2 == 0, "y", -int64(n),
				[]string{"p", "q"}, "019ab697-e87b-78b0-b596-0b4db005469a"); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		rs, err := c.Query(ctx, "SELECT n, s, l, d, f, a, o, m, b, e, i, k, toString(u) FROM t WHERE n >= {from:UInt64} ORDER BY n", clickhouse.Named("from", fmt.Sprint(round*rows)))
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for rs.Next() {
			var (
				n             uint64
				s, l, f, e, u string
				d             time.Time
				a             []uint64
				o             *string
				m             map[string]uint32
				b             bool
				i             int64
				k             []string
			)
			if err := rs.Scan(&n, &s, &l, &d, &f, &a, &o, &m, &b, &e, &i, &k, &u); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(n, s, l, d.UTC(), f, a, o == nil, m, b, e, i, k, u)
			want := fmt.Sprint(uint64(round*rows+read), fmt.Sprint("é", n), "low"+fmt.Sprint(read%3), at, "abcd", []uint64{n, n + 1}, read%2 == 1,
				map[string]uint32{"k": uint32(read)}, read%2 == 0, "y", -int64(n), []string{"p", "q"}, "019ab697-e87b-78b0-b596-0b4db005469a")
			if got != want {
				t.Fatalf("%v: got %s, want %s", method, got, want)
			}
			read++
		}
		if err := rs.Err(); err != nil || read != rows {
			t.Fatalf("%v: %d rows, %v", method, read, err)
		}
		var none uint64
		if err := c.QueryRow(ctx, "SELECT count() FROM t WHERE n = 1e9").Scan(&none); err != nil || none != 0 {
			t.Errorf("%v: %d, %v", method, none, err)
		}
		if err := c.Exec(ctx, "SELECT * FROM nosuch"); err == nil || !strings.Contains(err.Error(), "60") {
			t.Errorf("%v: an unknown table: %v", method, err)
		}
	}
}

// TestGoneClient: a statement that nobody waits for any more is ended.
func TestGoneClient(t *testing.T) {
	server := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL(), strings.NewReader("SELECT count() FROM numbers_mt(1000000000000)"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		ended <- err
	}()
	running := func() string {
		return exec(t, server.URL(), "SELECT count() FROM system.processes WHERE query LIKE '%numbers_mt%' AND query NOT LIKE '%processes%'")
	}
	await(t, "the statement runs", func() bool { return running() == "1\n" })
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("the request was answered")
	}
	await(t, "the statement is ended", func() bool { return running() == "0\n" })
}

// await waits until what is to be is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline, ticker := time.NewTimer(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer ticker.Stop()
	for !is() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// TestKilledInAnInsert: whatever the moment of the kill, the table is whole afterwards, with all that was answered.
func TestKilledInAnInsert(t *testing.T) {
	server := start(t)
	exec(t, server.URL(), "CREATE TABLE t (batch UInt64, n UInt64) ENGINE = MergeTree ORDER BY (batch, n)")
	answered := 0
	for round := range 3 {
		stop := make(chan struct{})
		done := make(chan int)
		go func() {
			n := 0
			defer func() { done <- n }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				text := fmt.Sprintf("INSERT INTO t SELECT %d, number FROM numbers(10000)", round*1_000_000+n)
				res, err := http.Post(server.URL(), "text/plain", strings.NewReader(text))
				if err != nil {
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK {
					return
				}
				n++
			}
		}()
		await(t, "some were inserted", func() bool {
			return exec(t, server.URL(), fmt.Sprintf("SELECT count() >= 200000 FROM t WHERE batch >= %d", round*1_000_000)) == "1\n"
		})
		server.Kill()
		close(stop)
		answered += <-done
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		var whole, parts int
		got := exec(t, server.URL(), "SELECT countIf(c = 10000), countIf(c != 10000) FROM (SELECT batch, count() AS c FROM t GROUP BY batch)")
		if _, err := fmt.Sscan(got, &whole, &parts); err != nil || parts != 0 || whole < answered {
			t.Fatalf("after the kill: %d batches are whole and %d are not, of %d that were answered (%v)", whole, parts, answered, err)
		}
	}
}

// TestStops: SIGTERM ends what runs, within the grace, and the data stay.
func TestStops(t *testing.T) {
	dir := t.TempDir()
	server, err := devstack.StartClickHouse(t.Context(), devstack.ClickHouseOptions{Dir: dir, Args: []string{"--grace", "200ms"}})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, server.URL(), "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	exec(t, server.URL(), "INSERT INTO t VALUES (7)")
	answers := make(chan answered, 1)
	go func() { answers <- ask(t, server.URL(), asked{body: "SELECT count() FROM numbers_mt(1000000000000)"}) }()
	await(t, "the statement runs", func() bool {
		return exec(t, server.URL(), "SELECT count() FROM system.processes WHERE query LIKE '%numbers_mt%' AND query NOT LIKE '%processes%'") == "1\n"
	})
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if a := <-answers; a.status != http.StatusInternalServerError || !strings.HasPrefix(a.body, "Code: 236. ") {
		t.Errorf("what ran was answered %v, want ABORTED", a)
	}
	again, err := devstack.StartClickHouse(t.Context(), devstack.ClickHouseOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop() //nolint:errcheck // the test has failed already, or is over
	if got := exec(t, again.URL(), "SELECT a FROM t"); got != "7\n" {
		t.Errorf("after a restart: %q", got)
	}
}

// TestLargeResult: a GiB goes through in bounded memory, at the speed of the slowest reader.
func TestLargeResult(t *testing.T) {
	server := start(t)
	exec(t, server.URL(), "SELECT 1")
	before := peak(t, server.PID())
	res, err := http.Post(server.URL(), "text/plain", strings.NewReader("SELECT number, repeat('x', 1016) FROM numbers(1048576) FORMAT RowBinary"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if want := int64(1048576 * (8 + 2 + 1016)); err != nil || n != want {
		t.Fatalf("%d bytes, %v; want %d", n, err, want)
	}
	if grown := peak(t, server.PID()) - before; grown > 512<<10 {
		t.Errorf("memory grew by %d KiB for a result of a GiB", grown)
	}
}

// peak is the most memory a process had, in KiB.
func peak(t *testing.T, pid int) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Sscan(string(rest), &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}
