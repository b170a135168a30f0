package analytics

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/internal/freshness"
)

var update = flag.Bool("update", false, "write the answers into docs/analytics.md anew")

func TestMain(m *testing.M) { annaltest.Main(m) }

const (
	// outcomes of the sample: those of its lines, the session's beginning, who was let in before speaking, and the importer's own session.
	outcomes = 2000 + 1 + 72 + 1
	// streamed is how many rows large results have, and inserted how many are written.
	streamed, inserted = 300_000, 10_000
	// setting is the value that settings are given.
	setting = 3
	// clientTime is how long a client's program may take.
	clientTime = 2 * time.Minute
)

// task is what a client is to do: ask the questions, and what clients of ClickHouse do besides.
type task struct {
	URL       string     `json:"url"`
	User      string     `json:"user"`
	Questions []question `json:"questions"`
	// Codecs are those that the client has, for requests and answers.
	Codecs []string `json:"codecs"`
	// Stream gives streamed rows, numbers from 0 first. Endless has no end; it is left when Enough rows were read.
	Stream  string `json:"stream"`
	Endless string `json:"endless"`
	Enough  int    `json:"enough"`
	// Mistakes are questions that fail; Write is one that User may not.
	Mistakes map[string]string `json:"mistakes"`
	Write    string            `json:"write"`
	// Echo is to come back as it is.
	Echo    string `json:"echo"`
	Setting int    `json:"setting"`
	Session string `json:"session"`
	// Writer writes Insert rows into a table in Scratch for each codec.
	Writer  string `json:"writer"`
	Scratch string `json:"scratch"`
	Insert  int    `json:"insert"`
}

// report is what came of a task.
type report struct {
	// Answers are by question, in the format TSVWithNames.
	Answers map[string]string `json:"answers"`
	// Echo is what a String and an Array(String) came back as.
	Echo []any `json:"echo"`
	// Settings are what a setting of the session and one of the question were.
	Settings []int              `json:"settings"`
	Streams  map[string]reading `json:"streams"`
	// Left is how many rows of the endless result were read.
	Left   int                `json:"left"`
	Errors map[string]refusal `json:"errors"`
	// Inserts are by codec how many rows are there, the sum of the numbers, and how many have the text that was sent.
	Inserts map[string][]int `json:"inserts"`
}

type reading struct {
	Rows int `json:"rows"`
	Sum  int `json:"sum"`
	// Pieces are those in which a client gives rows that reads every result to its end; another one shows by leaving that it streams.
	Pieces int `json:"pieces"`
}

type refusal struct {
	Code int    `json:"code"`
	Text string `json:"text"`
}

// codes are ClickHouse's of what a task has done wrong: UNKNOWN_TABLE, SYNTAX_ERROR, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, READONLY.
var codes = map[string]int{"no such table": 60, "no SQL": 62, "midway": 395, "a write": 164}

var mistakes = map[string]string{
	"no such table": "SELECT * FROM annal_v1.nosuch",
	"no SQL":        "SELEC 1",
	"midway":        "SELECT number, sleepEachRow(0.02), throwIf(number = 20) FROM numbers(40) SETTINGS max_block_size = 1",
}

// TestClients: the doc's questions have the doc's answers, whichever client asks.
func TestClients(t *testing.T) {
	archive := imported(t)
	t.Run("http", func(t *testing.T) { plain(t, archive, questions(t)) })
	t.Run("views", func(t *testing.T) {
		has := post(t, archive, "SELECT name FROM system.tables WHERE database = 'annal_v1' ORDER BY name")
		if names := strings.Join(views(t), "\n") + "\n"; names != has {
			t.Errorf("the doc names the views\n%swhere there are\n%s", names, has)
		}
	})
	all := questions(t)
	installed := func(path string) string {
		found, err := devstack.Cached(filepath.Join("clients", path))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, c := range []struct {
		name   string
		codecs []string
		run    func(*testing.T, task) report
		// encodings are what its codecs are called on the way.
		encodings []string
		// streams says whether what it read shows that it had no need of the whole.
		streams func(report) bool
	}{
		{"go", []string{"lz4", "zstd", "gzip"}, runGo, []string{"blocks", "gzip"}, left},
		{"python", []string{"lz4", "zstd", "gzip"}, program(installed("venv/bin/python"), "client.py"), []string{"gzip", "lz4", "zstd"}, inPieces},
		{"javascript", []string{"gzip"}, program("node", "client.mjs", filepath.Dir(installed("node_modules"))), []string{"gzip"}, left},
	} {
		t.Run(c.name, func(t *testing.T) {
			scratch := "scratch_" + c.name
			post(t, archive, "CREATE DATABASE "+scratch)
			r := record(t, archive)
			k := task{
				URL: r.url, User: "analyst", Questions: all, Codecs: c.codecs,
				Stream:   fmt.Sprintf("SELECT number, repeat('x', 20) FROM numbers(%d)", streamed),
				Endless:  "SELECT number, repeat('x', 20) FROM system.numbers",
				Enough:   streamed,
				Mistakes: mistakes, Write: "INSERT INTO annal.event_rows (session) VALUES ('x')",
				Echo: "it's \\ a\ttab, a\nline, é 🙂, \\N and {n:UInt8}", Setting: setting, Session: c.name,
				Writer: "default", Scratch: scratch, Insert: inserted,
			}
			got := c.run(t, k)
			got.check(t, k)
			if !c.streams(got) {
				t.Errorf("streamed %+v, and left an endless result after %d rows; want pieces, or %d rows", got.Streams, got.Left, streamed)
			}
			r.check(t, c.encodings)
		})
	}
	if n := post(t, archive, "SELECT count() FROM annal.event_rows WHERE session = 'x'"); n != "0\n" {
		t.Errorf("%s rows were written by who may not", n)
	}
}

// imported gives the address of an archive that holds the sample, and all of it.
func imported(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	chdbd := filepath.Join(dir, "chdbd")
	if out, err := exec.Command("go", "build", "-o", chdbd, "annal/cmd/chdbd").CombinedOutput(); err != nil {
		t.Fatalf("build chdbd: %v\n%s", err, out)
	}
	s := annaltest.Serve(t, "dev", "dev", "--archive", "--chdbd", chdbd, "--data", filepath.Join(dir, "data"))
	if s.At.ClickHouse == "" {
		t.Fatalf("there is no archive:\n%s", s.Output())
	}
	annaltest.Run(t, "import", filepath.Join("..", "..", "examples", "ubuntu-irc-sample.jsonl.gz"), "--json", "--endpoints", s.File)
	annaltest.Eventually(t, annaltest.Patience, func() error {
		var status freshness.Status
		if err := json.Unmarshal([]byte(annaltest.Run(t, "archive", "status", "--json", "--endpoints", s.File)), &status); err != nil {
			return err
		}
		if status.Behind != 0 || status.Total != outcomes {
			return fmt.Errorf("the archive is %d behind and has %d outcomes, want %d: %s", status.Behind, status.Total, outcomes, status.Error)
		}
		return nil
	})
	// What the archive itself says of that comes some seconds later.
	annaltest.Eventually(t, annaltest.Patience, func() error {
		if got := post(t, s.At.ClickHouse, "SELECT sum(behind), max(newest) = (SELECT max(time) FROM annal_v1.events) FROM annal_v1.freshness"); got != "0\t1\n" {
			return fmt.Errorf("the archive says that it is behind: %q", got)
		}
		return nil
	})
	return s.At.ClickHouse
}

// plain asks without any client, as curl does: byte for byte the doc's answers.
func plain(t *testing.T, archive string, all []question) {
	answers := make([]string, len(all))
	for i, q := range all {
		params := []string{"user", "analyst", "default_format", "TSVWithNames"}
		for _, p := range q.Parameters {
			params = append(params, "param_"+p.Name, p.Value)
		}
		answers[i] = post(t, archive, q.SQL, params...)
		if answers[i] != q.answer && !*update {
			t.Errorf("%s: got\n%swant\n%s", q.Name, answers[i], q.answer)
		}
	}
	if *update {
		rewrite(t, answers)
	}
}

// post asks and gives the answer, which must be one.
func post(t *testing.T, archive, text string, params ...string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, archive, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	query := req.URL.Query()
	for i := 0; i < len(params); i += 2 {
		query.Set(params[i], params[i+1])
	}
	req.URL.RawQuery = query.Encode()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v: %s", text, res.Status, err, body.String())
	}
	return body.String()
}

// program runs a client that takes its task as JSON and prints a report.
func program(name string, args ...string) func(*testing.T, task) report {
	return func(t *testing.T, k task) report {
		t.Helper()
		in, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), name, args...)
		var out, log bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &log
		if err := devstack.Start(cmd); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(clientTime, func() { _ = cmd.Process.Kill() }) // fails only when it is gone
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, log.String())
		}
		var r report
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatalf("%s printed %q: %v", args[0], out.String(), err)
		}
		return r
	}
}

// check holds a report against the doc and the task.
func (r report) check(t *testing.T, k task) {
	t.Helper()
	for _, q := range k.Questions {
		if got := r.Answers[q.Name]; got != q.answer {
			t.Errorf("%s: got\n%swant\n%s", q.Name, got, q.answer)
		}
	}
	if got, want := fmt.Sprintf("%q", r.Echo), fmt.Sprintf("%q", []any{k.Echo, []any{k.Echo}}); got != want {
		t.Errorf("parameters came back as %s, want %s", got, want)
	}
	if want := []int{k.Setting, k.Setting}; !slices.Equal(r.Settings, want) {
		t.Errorf("settings are %v, want %v", r.Settings, want)
	}
	for name, code := range codes {
		if got := r.Errors[name]; got.Code != code {
			t.Errorf("%s: got %+v, want the client's own error with code %d", name, got, code)
		}
	}
	for _, codec := range k.Codecs {
		if got := r.Streams[codec]; got.Rows != streamed || got.Sum != streamed*(streamed-1)/2 {
			t.Errorf("%s: streamed %+v, want %d rows with all numbers below", codec, got, streamed)
		}
		if got, want := r.Inserts[codec], []int{inserted, inserted * (inserted - 1) / 2, inserted}; !slices.Equal(got, want) {
			t.Errorf("%s: inserted %v, want %v", codec, got, want)
		}
	}
}

func left(r report) bool { return r.Left >= streamed }

func inPieces(r report) bool {
	for _, s := range r.Streams {
		if s.Pieces < 2 {
			return false
		}
	}
	return len(r.Streams) > 0
}

// check holds what went over the wire against what the task asked for.
func (r *recorder) check(t *testing.T, encodings []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for what, seen := range map[string]map[string]bool{"requests": r.sent, "answers": r.got} {
		if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, encodings) {
			t.Errorf("%s were compressed by %v, want %v", what, got, encodings)
		}
	}
	if got, want := slices.Sorted(maps.Keys(r.parameters)), []string{"day", "echo", "list", "n", "session", "word"}; !slices.Equal(got, want) {
		t.Errorf("the parameters that the server was given are %v, want %v", got, want)
	}
	if r.sessions == 0 {
		t.Error("no request was one of a session")
	}
}
