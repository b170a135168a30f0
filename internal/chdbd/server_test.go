package chdbd

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// TestInterface goes through what clients use of ClickHouse's HTTP interface.
func TestInterface(t *testing.T) {
	base := start(t).URL()
	exec(t, base, "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
	set := func(kv ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return v
	}
	for _, c := range []struct {
		what string
		a    asked
		code int
		want string // of the body, or of its beginning where it ends with …
	}{
		{"a query in the address", asked{method: "GET", query: "SELECT 1"}, 200, "1\n"},
		{"a query in the body", asked{body: "SELECT 2"}, 200, "2\n"},
		{"one half and half", asked{query: "SELECT", body: "3"}, 200, "3\n"},
		{"a comment and brackets first", asked{method: "GET", query: "/* x */ -- y\n (SELECT 4)"}, 200, "4\n"},
		{"none", asked{}, 400, "Code: 62. …"},
		{"a format of the text", asked{body: "SELECT 1 AS a FORMAT JSONEachRow"}, 200, "{\"a\":1}\n"},
		{"a format by default", asked{body: "SELECT 1 AS a", params: set("default_format", "JSONEachRow")}, 200, "{\"a\":1}\n"},
		{"a format by header", asked{body: "SELECT 1 AS a", header: map[string]string{"X-ClickHouse-Format": "CSVWithNames"}}, 200, "\"a\"\n1\n"},
		{"a header once", asked{body: "SELECT number AS n FROM numbers(3) SETTINGS max_block_size = 1 FORMAT TSVWithNames"}, 200, "n\n0\n1\n2\n"},
		{"a header of two lines with a line in it", asked{body: "SELECT number AS `x\ny` FROM numbers(2) SETTINGS max_block_size = 1 FORMAT CSVWithNamesAndTypes"}, 200, "\"x\ny\"\n\"UInt64\"\n0\n1\n"},
		{"a header above nothing", asked{body: "SELECT number AS n FROM numbers(0) FORMAT CSVWithNames"}, 200, "\"n\"\n"},
		{"a format that isn't made of pieces", asked{body: "SELECT number FROM numbers(2) SETTINGS max_block_size = 1 FORMAT JSONCompactColumns"}, 200, "[\n\t[0, 1]…"},
		{"no such format", asked{body: "SELECT 1 FORMAT Nonsense"}, 404, "Code: 73. …"},
		{"parameters", asked{body: "SELECT {a:UInt8} + 1, {s:String}", params: set("param_a", "41", "param_s", `it's\tso`)}, 200, "42\tit\\'s\\tso\n"},
		{"a parameter that is missing", asked{body: "SELECT {a:UInt8}"}, 400, "Code: 456. …"},
		{"settings", asked{body: "SELECT getSetting('max_threads')", params: set("max_threads", "3")}, 200, "3\n"},
		{"no such setting", asked{body: "SELECT 1", params: set("nosuch", "1")}, 404, "Code: 115. …"},
		{"a database", asked{body: "SELECT currentDatabase()", params: set("database", "system")}, 200, "system\n"},
		{"a database by header", asked{body: "SELECT currentDatabase()", header: map[string]string{"X-ClickHouse-Database": "system"}}, 200, "system\n"},
		{"no such database", asked{body: "SELECT 1", params: set("database", "nosuch")}, 404, "Code: 81. …"},
		{"data behind the query", asked{query: "INSERT INTO t FORMAT CSV", body: "1,\"a\"\n2,\"b;c\"\n"}, 200, ""},
		{"data in the body", asked{body: "INSERT INTO t VALUES (3, 'it''s)'), (4, 'd')"}, 200, ""},
		{"data of bytes", asked{query: "INSERT INTO t FORMAT RowBinary", body: "\x05\x00\x00\x00\x00\x00\x00\x00\x03x\x00y"}, 200, ""},
		{"all of them", asked{body: "SELECT * FROM t ORDER BY a"}, 200, "1\ta\n2\tb;c\n3\tit\\'s)\n4\td\n5\tx\\0y\n"},
		{"much data", asked{query: "INSERT INTO t FORMAT TSV", body: strings.Repeat("7\tmany\n", 200_000)}, 200, ""},
		{"all of it", asked{body: "SELECT count() FROM t WHERE a = 7"}, 200, "200000\n"},
		{"a long text", asked{body: "SELECT length('" + strings.Repeat("x", 300<<10) + "')"}, 400, "Code: 62. …"},
		{"empty lines in the data", asked{query: "INSERT INTO t FORMAT RowBinary", body: "\n\n\x00\x00\x00\x00\x00\x00\x04\n\n;\n"}, 200, ""},
		{"empty lines in values", asked{body: "INSERT INTO t (a, s) SETTINGS max_threads = 1 VALUES (2571, '\n\n;')"}, 200, ""},
		{"all of them", asked{body: "SELECT a, s FROM t WHERE a > 2000 ORDER BY a FORMAT JSONEachRow"}, 200, "{\"a\":2570,\"s\":\"\\n\\n;\\n\"}\n{\"a\":2571,\"s\":\"\\n\\n;\"}\n"},
		{"an insert of what is selected", asked{body: "INSERT INTO t SELECT 3000, 'x' FROM t LIMIT 1"}, 200, ""},
		{"another statement behind", asked{body: "SELECT 1; SELECT 2"}, 400, "Code: 62. …"},
		{"a semicolon at the end", asked{body: "SELECT 1; -- x\n"}, 200, "1\n"},
		{"broken data", asked{query: "INSERT INTO t FORMAT CSV", body: "x,y\n"}, 400, "Code: 27. …"},
		{"an insert by GET", asked{method: "GET", query: "INSERT INTO t VALUES (9, '')"}, 500, "Code: 164. …"},
		{"nonsense by GET", asked{method: "GET", query: "SELEC 1"}, 400, "Code: 62. …"},
		{"no such table", asked{body: "SELECT * FROM nosuch"}, 404, "Code: 60. …"},
		{"only HEAD", asked{method: "HEAD", query: "SELECT 1"}, 200, ""},
		{"another method", asked{method: "PUT", query: "SELECT 1"}, 405, "the method is none …"},
		{"an error before the first byte, waited for", asked{body: "SELECT throwIf(number = 100000) FROM numbers(200000) SETTINGS max_block_size = 1000 FORMAT TSV", params: set("wait_end_of_query", "1")}, 500, "Code: 395. …"},
		{"too long", asked{body: "SELECT count() FROM numbers_mt(1000000000000) SETTINGS max_execution_time = 0.3"}, 408, "Code: 159. …"},
	} {
		got := ask(t, base, c.a)
		begins, whole := strings.CutSuffix(c.want, "…")
		if got.status != c.code || got.err != nil || !whole && got.body != c.want || whole && !strings.HasPrefix(got.body, begins) {
			t.Errorf("%s: got %v, want %d %q", c.what, got, c.code, c.want)
		}
		if code := got.header.Get("X-ClickHouse-Exception-Code"); strings.HasPrefix(c.want, "Code: ") && !strings.HasPrefix(c.want, "Code: "+code+".") {
			t.Errorf("%s: the code by header is %q", c.what, code)
		}
	}
	got := ask(t, base, asked{body: "SELECT 1 FORMAT JSON", params: url.Values{"query_id": {"q-1"}}})
	for name, want := range map[string]string{
		"X-ClickHouse-Query-Id": "q-1", "X-ClickHouse-Format": "JSON", "Content-Type": "application/json; charset=UTF-8", "X-ClickHouse-Server-Display-Name": "chdbd",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	if other := ask(t, base+"/nosuch", asked{method: "GET", query: "SELECT 1"}); other.status != http.StatusNotFound {
		t.Errorf("another path: %v", other)
	}
}

// TestErrorMidway: what fails when bytes are out already ends as a broken answer, with the error in it between the marks that clients look for.
func TestErrorMidway(t *testing.T) {
	base := start(t).URL()
	got := ask(t, base, asked{body: "SELECT throwIf(number = 100000) FROM numbers(200000) SETTINGS max_block_size = 1000 FORMAT TSV"})
	tag := got.header.Get("X-ClickHouse-Exception-Tag")
	_, framed, _ := strings.Cut(got.body, "0\n\r\n__exception__\r\n"+tag+"\r\n")
	text, length, _ := strings.Cut(framed, "\n")
	ok := length == fmt.Sprintf("%d %s\r\n__exception__\r\n", len(text)+len("\n"), tag)
	if got.status != 200 || got.err == nil || len(tag) != 16 || !ok || !strings.HasPrefix(text, "Code: 395. ") {
		t.Errorf("got %d, %d bytes to the end %q, %v; want an answer that breaks off with code 395", got.status, len(got.body), got.body[max(0, len(got.body)-200):], got.err)
	}
}

// TestNothing: a client of a revision of its own gets the byte for each NULL that has no other type.
func TestNothing(t *testing.T) {
	base := start(t).URL()
	revision := url.Values{"client_protocol_version": {"54405"}}
	got := ask(t, base, asked{body: "SELECT NULL AS n, 7 AS a FROM numbers(2) FORMAT Native", params: revision})
	if want := "\x01n\x11Nullable(Nothing)\x01\x01\x00\x00\x01a\x05UInt8\x07\x07"; got.status != 200 || !strings.HasSuffix(got.body, want) {
		t.Errorf("got %v, want an end of %q", got, want)
	}
	got = ask(t, base, asked{body: "SELECT [NULL] FORMAT Native", params: revision})
	if got.status != http.StatusNotImplemented || !strings.HasPrefix(got.body, "Code: 48. ") {
		t.Errorf("a NULL deeper within: %v", got)
	}
}

func TestCredentials(t *testing.T) {
	base := start(t).URL()
	exec(t, base, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	for _, c := range []struct {
		what string
		a    asked
		code int
		want string
	}{
		{"who reads", asked{body: "SELECT count() FROM t", reader: true}, 200, "0\n"},
		{"by headers", asked{body: "SELECT 1", header: map[string]string{"X-ClickHouse-User": "analyst", "X-ClickHouse-Key": readerPassword}}, 200, "1\n"},
		{"by parameters", asked{body: "SELECT 1", params: url.Values{"user": {"analyst"}, "password": {readerPassword}}}, 200, "1\n"},
		{"no password", asked{body: "SELECT 1", params: url.Values{"user": {"analyst"}}}, 401, "Code: 194. "},
		{"a wrong one", asked{body: "SELECT 1", params: url.Values{"user": {"analyst"}, "password": {"x"}}}, 403, "Code: 516. "},
		{"nobody", asked{body: "SELECT 1", params: url.Values{"user": {"mallory"}, "password": {"x"}}}, 403, "Code: 516. "},
		{"settings of one's own", asked{body: "SELECT getSetting('max_threads')", params: url.Values{"max_threads": {"1"}}, reader: true}, 200, "1\n"},
		{"a write", asked{body: "INSERT INTO t VALUES (1)", reader: true}, 500, "Code: 164. "},
		{"a drop", asked{body: "DROP TABLE t", reader: true}, 500, "Code: 164. "},
		{"more rights", asked{body: "SET readonly = 0", reader: true}, 500, "Code: 164. "},
		{"more rights by a parameter", asked{body: "DROP TABLE t", params: url.Values{"readonly": {"0"}}, reader: true}, 500, "Code: 164. "},
		{"more rights in the text", asked{body: "INSERT INTO t SELECT 1 SETTINGS readonly = 0", reader: true}, 500, "Code: 164. "},
		{"a file", asked{body: "SELECT * FROM file('/etc/passwd', 'LineAsString')", reader: true}, 403, "Code: 497. "},
		{"one behind a comment", asked{body: "SELECT * FROM file /* ( */ ('/etc/passwd')", reader: true}, 403, "Code: 497. "},
		{"one by a quoted name", asked{body: "SELECT * FROM `file`('/etc/passwd')", reader: true}, 403, "Code: 497. "},
		{"one in a query below", asked{body: "SELECT (SELECT file('x'))", reader: true}, 403, "Code: 497. "},
		{"another machine", asked{body: "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a UInt8')", reader: true}, 403, "Code: 497. "},
		{"a file to write", asked{body: "SELECT 1 INTO OUTFILE '/tmp/x'", reader: true}, 403, "Code: 497. "},
		{"a column called so", asked{body: "SELECT 'x' AS url, length(url)", reader: true}, 200, "x\t1\n"},
		{"a text that says so", asked{body: "SELECT 'file(1)'", reader: true}, 200, "file(1)\n"},
	} {
		if got := ask(t, base, c.a); got.status != c.code || !strings.HasPrefix(got.body, c.want) {
			t.Errorf("%s: got %v, want %d %q", c.what, got, c.code, c.want)
		}
	}
}

// TestCompression: bodies both ways, in all that clients use.
func TestCompression(t *testing.T) {
	base := start(t).URL()
	exec(t, base, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	rows := "1\n2\n3\n"
	squeeze := func(make func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		w := make(&b)
		if _, err := io.WriteString(w, rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	inflate := map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
		"lz4":  func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil },
	}
	for name, body := range map[string]string{
		"gzip": squeeze(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zstd": squeeze(func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }),
		"lz4":  squeeze(func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) }),
	} {
		exec(t, base, "TRUNCATE TABLE t")
		if got := ask(t, base, asked{query: "INSERT INTO t FORMAT TSV", body: body, header: map[string]string{"Content-Encoding": name}}); got.status != 200 {
			t.Fatalf("%s: %v", name, got)
		}
		got := ask(t, base, asked{body: "SELECT * FROM t ORDER BY a", header: map[string]string{"Accept-Encoding": name}})
		r, err := inflate[name](strings.NewReader(got.body))
		if err != nil {
			t.Fatalf("%s: %v: %v", name, err, got)
		}
		if text, err := io.ReadAll(r); string(text) != rows || err != nil || got.header.Get("Content-Encoding") != name {
			t.Errorf("%s: %q, %v, by header %q", name, text, err, got.header.Get("Content-Encoding"))
		}
		if got := ask(t, base, asked{body: "SELECT 1", params: url.Values{"enable_http_compression": {"0"}}, header: map[string]string{"Accept-Encoding": name}}); got.body != "1\n" {
			t.Errorf("%s where it was not allowed: %v", name, got)
		}
	}
	got := ask(t, base, asked{query: "INSERT INTO t FORMAT TSV", body: "no", header: map[string]string{"Content-Encoding": "gzip"}})
	if got.status == 200 {
		t.Errorf("a body that isn't gzip: %v", got)
	}
	// ClickHouse's own blocks.
	w := compress.NewWriter(compress.LevelZero, compress.ZSTD)
	if err := w.Compress([]byte(rows)); err != nil {
		t.Fatal(err)
	}
	exec(t, base, "TRUNCATE TABLE t")
	if got := ask(t, base, asked{query: "INSERT INTO t FORMAT TSV", body: string(w.Data), params: url.Values{"decompress": {"1"}}}); got.status != 200 {
		t.Fatalf("blocks: %v", got)
	}
	got = ask(t, base, asked{body: "SELECT * FROM t ORDER BY a", params: url.Values{"compress": {"1"}}})
	if text, err := io.ReadAll(blockReader{compress.NewReader(strings.NewReader(got.body))}); string(text) != rows || err != nil {
		t.Errorf("blocks: %q, %v", text, err)
	}
}

func TestSessions(t *testing.T) {
	base := start(t).URL()
	in := func(text string, kv ...string) answered {
		v := url.Values{"session_id": {"s"}}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return ask(t, base, asked{body: text, params: v})
	}
	if got := in("SELECT 1", "session_check", "1"); got.status != 404 {
		t.Errorf("a session that isn't there: %v", got)
	}
	in("SET max_threads = 3")
	in("CREATE TEMPORARY TABLE mine (a UInt8)")
	for _, c := range []struct {
		what, want string
		got        answered
	}{
		{"what was set", "3\n", in("SELECT getSetting('max_threads')", "session_check", "1")},
		{"a request's own", "2\n", in("SELECT getSetting('max_threads')", "max_threads", "2")},
		{"which ends with it", "3\n", in("SELECT getSetting('max_threads')")},
		{"a table of the session's", "0\n", in("SELECT count() FROM mine")},
		{"the last request", "1\n", in("SELECT 1", "close_session", "1")},
	} {
		if c.got.body != c.want {
			t.Errorf("%s: got %v, want %q", c.what, c.got, c.want)
		}
	}
	if got := in("SELECT count() FROM mine", "session_check", "1"); got.status != 404 {
		t.Errorf("after it was closed: %v", got)
	}
	// One request at a time.
	var wg sync.WaitGroup
	answers := make(chan answered, 2)
	for range 2 {
		wg.Go(func() { answers <- in("SELECT sleep(1)") })
	}
	wg.Wait()
	a, b := <-answers, <-answers
	if a.status+b.status != 200+500 || !strings.Contains(a.body+b.body, "Code: 373. ") {
		t.Errorf("two at once: %v and %v", a, b)
	}
}

// TestMany: statements run at the same time, up to the limit, and what is beyond is refused at once.
func TestMany(t *testing.T) {
	const most = 16
	base := start(t, "--max-statements", strconv.Itoa(most), "--max-body", "1000").URL()
	var wg sync.WaitGroup
	answers := make(chan answered, 3*most)
	for range cap(answers) {
		wg.Go(func() { answers <- ask(t, base, asked{body: "SELECT sleep(2), 7"}) })
	}
	wg.Wait()
	close(answers)
	var ran, refused int
	for a := range answers {
		switch {
		case a.status == http.StatusOK && a.body == "0\t7\n":
			ran++
		case a.status == http.StatusServiceUnavailable && strings.HasPrefix(a.body, "Code: 202. "):
			refused++
		default:
			t.Errorf("got %v", a)
		}
	}
	if ran < most || refused == 0 {
		t.Errorf("%d ran and %d were refused, of %d at once where %d may", ran, refused, cap(answers), most)
	}
	if got := ask(t, base, asked{body: "SELECT '" + strings.Repeat("x", 1000) + "'"}); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %v", got)
	}
}
