package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// follow runs a table of a log until the test ends.
func follow(t testing.TB, log eventlog.Log, now func() time.Time) *Table {
	t.Helper()
	table := NewTable(log, now, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- table.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-table.Loaded():
	case err := <-done:
		t.Fatal(err)
	}
	return table
}

func setPassword(password string) func(*Entry) error {
	return func(e *Entry) error {
		e.Removed = false
		e.Kind = &accountsv1.Entry_Account{Account: &accountsv1.Account{Password: password}}
		return nil
	}
}

func grantOf(user string) func(*Entry) error {
	return func(e *Entry) error {
		e.Removed = false
		e.Kind = &accountsv1.Entry_Grant{Grant: &accountsv1.Grant{User: user}}
		return nil
	}
}

func remove(e *Entry) error {
	if e.GetRemoved() {
		return errGone
	}
	e.Removed = true
	return nil
}

var errGone = errors.New("gone")

func TestChange(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	a, b := follow(t, log, time.Now), follow(t, log.Client(), time.Now)
	ctx := t.Context()
	if err := a.Change(ctx, KindAccount, "ann", setPassword("one")); err != nil {
		t.Fatal(err)
	}
	if e, ok := a.Get(KindAccount, "ann"); !ok || e.GetAccount().GetPassword() != "one" || e.GetVersion() != 1 {
		t.Errorf("what was changed is there: %v, %v", e, ok)
	}
	// The other table may not have heard of it: its change goes on from there all the same.
	if err := b.Change(ctx, KindAccount, "ann", func(e *Entry) error {
		if p := e.GetAccount().GetPassword(); p == "one" || p == "" {
			return setPassword(p + " two")(e)
		}
		return errors.New("what is this")
	}); err != nil {
		t.Fatal(err)
	}
	if e, _ := b.Get(KindAccount, "ann"); e.GetAccount().GetPassword() != "one two" || e.GetVersion() != 2 {
		t.Errorf("after both: %v", e)
	}
	for id, kind := range map[string]Kind{"": KindAccount, string(make([]byte, maxID+1)): KindAccount, "x": KindGrant} {
		if err := a.Change(ctx, kind, id, setPassword("x")); !errors.Is(err, ErrEntry) {
			t.Errorf("%.9q: %v", id, err)
		}
	}
	if err := a.Change(ctx, KindAccount, "ann", func(*Entry) error { return errGone }); !errors.Is(err, errGone) {
		t.Errorf("who changes their mind: %v", err)
	}
	if err := a.Change(ctx, KindGrant, "l#1", grantOf("ann")); err != nil || !slices.Equal(a.Logins("ann"), []string{"l#1"}) {
		t.Errorf("logins: %v, %v", a.Logins("ann"), err)
	}
	if err := a.Change(ctx, KindGrant, "l#1", remove); err != nil || len(a.Logins("ann")) != 0 {
		t.Errorf("logins once it is gone: %v, %v", a.Logins("ann"), err)
	}
	if _, ok := a.Get(KindGrant, "l#1"); ok {
		t.Error("it is there though it is gone")
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := a.Change(short, KindAccount, "ann", setPassword("x")); err != nil && !errors.Is(err, ErrUnknown) {
		t.Errorf("without time: %v", err)
	}
}

func TestOnce(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	var tables []*Table
	for range 4 {
		tables = append(tables, follow(t, log.Client(), time.Now))
	}
	if err := tables[0].Change(t.Context(), KindCode, "c", func(e *Entry) error {
		e.Removed = false
		e.Kind = &accountsv1.Entry_Code{Code: &accountsv1.Code{}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, other := range tables {
		if err := other.Change(t.Context(), KindAccount, "x", setPassword("")); err != nil { // so that it has read the code
			t.Fatal(err)
		}
	}
	used := errors.New("used")
	var wg sync.WaitGroup
	outcomes := make(chan error, 400)
	for i := range cap(outcomes) {
		wg.Go(func() {
			outcomes <- tables[i%len(tables)].Change(t.Context(), KindCode, "c", func(e *Entry) error {
				if e.GetCode().GetUsed() {
					return used
				}
				e.GetCode().Used = true
				return nil
			})
		})
	}
	wg.Wait()
	close(outcomes)
	won := 0
	for err := range outcomes {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, used):
			t.Errorf("%v", err)
		}
	}
	if won != 1 {
		t.Errorf("used %d times", won)
	}
}

// everything gives a topic's records from its start.
func everything(t testing.TB, log eventlog.Log) []eventlog.Record {
	t.Helper()
	_, end, err := log.Bounds(context.Background(), eventlog.Accounts, partition)
	if err != nil {
		t.Fatal(err)
	}
	cursor, err := log.Read(context.Background(), eventlog.Accounts, partition, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close()
	var all []eventlog.Record
	for int64(len(all)) < end {
		some, err := cursor.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}

// compacted gives what compaction may leave of records: of those up to a place the last one of each key, and none without a value.
func compacted(records []eventlog.Record, upTo int) []eventlog.Record {
	last := map[string]int{}
	for i, r := range records {
		last[string(r.Key)] = i
	}
	var left []eventlog.Record
	for i, r := range records {
		if i >= upTo || last[string(r.Key)] == i && r.Value != nil {
			left = append(left, r)
		}
	}
	return left
}

func image(t *Table) string {
	var lines []string
	for _, k := range []Kind{KindAccount, KindGrant} {
		t.Each(k, func(e *Entry) bool {
			lines = append(lines, fmt.Sprint(k, e.GetId(), e.GetVersion(), e.GetAccount().GetPassword(), e.GetGrant().GetUser()))
			return true
		})
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

// However several change, and whatever of it compaction took, whoever reads has what those have who were there, and no password that was
// replaced stands anywhere.
func TestCompaction(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Now()
		var mu sync.Mutex
		clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1, Now: func() events.Millis { return events.Millis(clock().UnixMilli()) }})
		var stops []func()
		start := func(log eventlog.Log) *Table {
			table := NewTable(log, clock, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- table.Run(ctx) }()
			stops = append(stops, func() {
				cancel()
				if err := <-done; err != nil {
					rt.Errorf("run: %v", err)
				}
			})
			<-table.Loaded()
			return table
		}
		defer func() {
			for _, stop := range stops {
				stop()
			}
		}()
		tables := []*Table{start(log.Client()), start(log.Client()), start(log.Client())}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			var wg sync.WaitGroup
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(tables)-1), 1, 4).Draw(rt, "who") {
				kind, id := KindAccount, rapid.SampledFrom([]string{"a", "b", "c#"}).Draw(rt, "id")
				change := setPassword(rapid.StringMatching("[a-z]{8}").Draw(rt, "password"))
				switch rapid.IntRange(0, 3).Draw(rt, "what") {
				case 0:
					kind, change = KindGrant, grantOf(rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "user"))
				case 1:
					kind, change = KindGrant, remove
				}
				wg.Go(func() {
					if err := tables[i].Change(context.Background(), kind, id, change); err != nil && !errors.Is(err, errGone) && !errors.Is(err, ErrConflict) {
						rt.Errorf("change: %v", err)
					}
				})
			}
			wg.Wait()
			if rapid.IntRange(0, 5).Draw(rt, "hours") == 0 {
				mu.Lock()
				now = now.Add(2 * removedAge)
				mu.Unlock()
				// The log's time goes on by what is written.
				if err := tables[0].flush(context.Background()); err != nil {
					rt.Errorf("sync: %v", err)
				}
				tables[0].sweep(context.Background())
			}
		}
		one := start(log.Client())
		want := image(one)
		records := everything(t, log)
		for range 3 {
			left := compacted(records, rapid.IntRange(0, len(records)).Draw(rt, "up to"))
			again := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
			for _, r := range left {
				again.Append(context.Background(), eventlog.Accounts, partition, r.Record, func(int32, int64, error) {})
			}
			fresh := start(again)
			if got := image(fresh); got != want {
				rt.Fatalf("after compaction\n%s\nwant\n%s", got, want)
			}
		}
		// Whoever changed something took away what it replaced.
		for _, r := range compacted(everything(t, log), len(records)+1000) {
			var e Entry
			if err := proto.Unmarshal(r.Value, &e); err != nil {
				rt.Fatal(err)
			}
			if is, ok := one.Get(KindAccount, e.GetId()); kindOf(&e) == KindAccount && (!ok || is.GetVersion() != e.GetVersion()) {
				rt.Fatalf("version %d of %s is left, beside %d", e.GetVersion(), e.GetId(), is.GetVersion())
			}
		}
	})
}

func TestUnreadable(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	a := follow(t, log, time.Now)
	if err := a.Change(t.Context(), KindAccount, "ann", setPassword("one")); err != nil {
		t.Fatal(err)
	}
	entry := func(e *Entry) []byte {
		b, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	account := &accountsv1.Entry_Account{Account: &accountsv1.Account{Password: "forged"}}
	for key, value := range map[string][]byte{
		"account:ann#1": {0xff}, "account:ann#2": entry(&Entry{Id: "ann", Version: 9}), "account:ann#3": entry(&Entry{Id: "ann", Kind: account}),
		"grant:ann#4": entry(&Entry{Id: "ann", Version: 9, Kind: account}), "account:ann": entry(&Entry{Id: "ann", Version: 9, Kind: account}),
		"": entry(&Entry{Id: "ann", Version: 9, Kind: account}), "account:bob#5": entry(&Entry{Id: "ann", Version: 9, Kind: account}),
	} {
		log.Append(t.Context(), eventlog.Accounts, partition, events.Record{Key: []byte(key), Value: value}, func(int32, int64, error) {})
	}
	if err := a.Change(t.Context(), KindAccount, "bob", setPassword("")); err != nil {
		t.Fatal(err)
	}
	if e, ok := a.Get(KindAccount, "ann"); !ok || e.GetAccount().GetPassword() != "one" {
		t.Errorf("what can't be read changed something: %v", e)
	}
}
