package vault_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"annal/internal/bubble"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/vault"
)

// A log that was made anew under the vault is not sealed any further, and not trimmed for what was sealed of another.
func TestAnotherLog(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		old := newWorld(t)
		old.say(300)
		old.seal()
		w := newWorld(t)
		w.bucket = old.bucket
		wrong := func(when string) {
			t.Helper()
			if _, err := w.log().Check(t.Context(), 0, nil); !errors.Is(err, vault.ErrDiffers) {
				t.Errorf("%s: check says %v", when, err)
			}
			if all, err := w.log().Status(t.Context(), 1, time.Now()); err != nil || !strings.Contains(all[0].Problem, vault.ErrDiffers.Error()) {
				t.Errorf("%s: status says %+v, %v", when, all, err)
			}
		}
		w.say(100)
		wrong("while it ends below the mark")
		w.say(400)
		wrong("when it has grown beyond")
		stop := w.start(w.options("a", w.bucket))
		<-time.After(5 * time.Second)
		if err := stop(); !errors.Is(err, vault.ErrDiffers) {
			t.Errorf("a vaulter ends with %v", err)
		}
		log := vault.NewLog(trimmable{w.raw, w.memory}, w.bucket, "", quiet)
		if _, err := log.Trim(t.Context(), 0, events.Millis(time.Now().UnixMilli())); !errors.Is(err, vault.ErrDiffers) {
			t.Errorf("trimming it gives %v", err)
		}
		if start, _, err := w.raw.Bounds(t.Context(), eventlog.Events, 0); err != nil || start != 0 {
			t.Errorf("it begins at %d, %v", start, err)
		}
	})
}

// altered is a log of which one record reads otherwise.
type altered struct {
	trimmable
	offset int64
}

func (l altered) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	c, err := l.trimmable.Read(ctx, t, partition, from)
	return alteredCursor{c, l.offset}, err
}

type alteredCursor struct {
	eventlog.Cursor
	offset int64
}

func (c alteredCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	records, err := c.Cursor.Next(ctx)
	records = slices.Clone(records)
	for i := range records {
		if r := &records[i]; r.Offset == c.offset {
			r.Time++
		}
	}
	return records, err
}

// What is to be deleted is held against what is sealed of it, record by record.
func TestTrimComparesRecords(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(60)
		w.zombie()
		w.say(60)
		w.seal()
		now := events.Millis(time.Now().UnixMilli())
		for _, offset := range []int64{0, 1, 60, 63, 120} {
			log := vault.NewLog(altered{trimmable{w.raw, w.memory}, offset}, w.bucket, "", quiet)
			if _, err := log.Trim(t.Context(), 0, now); !errors.Is(err, vault.ErrDiffers) {
				t.Errorf("with another record at %d: %v", offset, err)
			}
		}
		log := vault.NewLog(trimmable{w.raw, w.memory}, w.bucket, "", quiet)
		if did, err := log.Trim(t.Context(), 0, now); err != nil || did.NewStart != 122 {
			t.Errorf("with the right ones: %+v, %v", did, err)
		}
		w.wantAll()
	})
}

// The last manifest is vouched for by none after it: its segment has to reach where it says.
func TestLastManifestRaised(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(100)
		w.seal()
		w.say(50)
		names := w.names(".json")
		last := names[len(names)-1]
		content, err := w.bucket.Get(t.Context(), last, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		raised := bytes.ReplaceAll(bytes.ReplaceAll(content, []byte(`"next":"101"`), []byte(`"next":"140"`)), []byte(`"end":"p1 101 `), []byte(`"end":"p1 140 `))
		if bytes.Count(raised, []byte("140")) < 2 {
			t.Fatalf("the manifest is %s", content)
		}
		w.bucket.Damage(last, raised)
		if err := w.check(0); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("check says %v", err)
		}
		log := vault.NewLog(trimmable{w.raw, w.memory}, w.bucket, "", quiet)
		if did, err := log.Trim(t.Context(), 0, events.Millis(time.Now().UnixMilli())); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("trimming: %+v, %v", did, err)
		}
		w.memory.Trim(eventlog.Events, 0, 120)
		if err := eventlog.EachCounted(t.Context(), w.log(), 0, func(*eventlog.Record) error { return nil }); err == nil {
			t.Error("a reader finds it whole")
		}
	})
}

// A vault that ends below where it did, or below Kafka's start, is not right.
func TestMissingEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(300)
		w.seal()
		names := w.names(".json")
		look := func(what string, want error) {
			t.Helper()
			if _, err := w.log().Check(t.Context(), 0, nil); !errors.Is(err, want) {
				t.Errorf("%s: check says %v, want %v", what, err, want)
			}
			if all, err := w.log().Status(t.Context(), 1, time.Now()); err != nil || !strings.Contains(all[0].Problem, want.Error()) {
				t.Errorf("%s: status says %+v, %v", what, all, err)
			}
		}
		w.bucket.Damage(names[len(names)-1], nil)
		look("without the newest manifest", vault.ErrDamaged)
		for _, name := range w.names("") {
			w.bucket.Damage(name, nil)
		}
		look("emptied", vault.ErrDamaged)
		fresh := newWorld(t) // nothing was committed
		fresh.say(30)
		fresh.memory.Trim(eventlog.Events, 0, 20)
		if _, err := fresh.log().Check(t.Context(), 0, nil); !errors.Is(err, vault.ErrGap) {
			t.Errorf("a log that was trimmed without a vault: %v", err)
		}
	})
}

// A check from an offset on reads no more than it must: what lies long before is another's concern.
func TestCheckFrom(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(300)
		w.seal()
		names := w.names(".json")
		w.bucket.Damage(names[0], nil)
		if err := w.check(0); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("from the start: %v", err)
		}
		if err := w.check(290); err != nil {
			t.Errorf("from the last segment on: %v", err)
		}
		w.bucket.Damage(names[len(names)-2], []byte("nonsense"))
		if err := w.check(290); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("the one before does not vouch for it: %v", err)
		}
	})
}

// slow takes its time for each object.
type slow struct{ vault.Bucket }

func (b slow) Get(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	select {
	case <-time.After(3 * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return b.Bucket.Get(ctx, name, offset, length)
}

// A store that takes longer than a reader waits is read all the same.
func TestSlowStore(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(50)
		w.seal()
		w.memory.Trim(eventlog.Events, 0, 51)
		w.say(10)
		cursor, err := vault.NewLog(w.raw, slow{w.bucket}, "", quiet).Read(t.Context(), eventlog.Events, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer cursor.Close()
		next := int64(0)
		for tries := 0; next < 61; tries++ {
			if tries == 20 {
				t.Fatalf("after %d tries of a second it is at %d", tries, next)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			records, err := cursor.Next(ctx)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			for _, r := range records {
				if r.Offset != next {
					t.Fatalf("%d comes where %d was next", r.Offset, next)
				}
				next++
			}
		}
	})
}

// trimmedMeanwhile seals and trims just after it was asked for its bounds; its Read knows where it begins, as Kafka's does.
type trimmedMeanwhile struct {
	eventlog.Log
	meanwhile func()
}

func (l trimmedMeanwhile) Bounds(ctx context.Context, t eventlog.Topic, partition int32) (start, end int64, err error) {
	start, end, err = l.Log.Bounds(ctx, t, partition)
	l.meanwhile()
	return start, end, err
}

func (l trimmedMeanwhile) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	if start, _, err := l.Log.Bounds(ctx, t, partition); err != nil || from < start {
		return nil, errors.Join(err, eventlog.ErrTrimmed)
	}
	return l.Log.Read(ctx, t, partition, from)
}

// A cursor that changes over to Kafka while that is trimmed goes on in the vault.
func TestTrimmedWhileChangingOver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(100)
		w.seal()
		w.memory.Trim(eventlog.Events, 0, 101)
		w.say(50)
		var once sync.Once
		log := vault.NewLog(trimmedMeanwhile{w.raw, func() {
			once.Do(func() { w.seal(); w.memory.Trim(eventlog.Events, 0, 151) })
		}}, w.bucket, "", quiet)
		cursor, err := log.Read(t.Context(), eventlog.Events, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer cursor.Close()
		last := int64(-1)
		readOn(t, cursor, &last, 150)
	})
}

// A vaulter that begins while the log is trimmed up to the mark finds nothing that both have, and goes on.
func TestTrimmedWhileItBegins(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(100)
		w.seal()
		w.say(50)
		var once sync.Once
		o := w.options("b", w.bucket)
		o.Log = trimmedMeanwhile{w.raw, func() { once.Do(func() { w.memory.Trim(eventlog.Events, 0, 101) }) }}
		stop := w.start(o)
		<-time.After(time.Minute)
		if err := stop(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		w.memory.Trim(eventlog.Events, 0, 151)
		w.wantAll()
	})
}

// The lag is how old what is not sealed is, whenever it was read, and grows while nobody knows where the vault ends.
func TestLag(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(10)
		<-time.After(time.Hour)
		lag := func(bucket vault.Bucket, after time.Duration) float64 {
			t.Helper()
			o := w.options("a", bucket)
			registry := prometheus.NewRegistry()
			o.SealEvery, o.Metrics = time.Hour, vault.NewMetrics(registry)
			stop := w.start(o)
			<-time.After(after)
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			for _, f := range families {
				if f.GetName() == "annal_vault_lag_seconds" {
					return f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			t.Fatal("there is no such metric")
			return 0
		}
		if got := lag(w.bucket, 5*time.Second); got < 3600 || got > 3610 {
			t.Errorf("of records an hour old it is %v s", got)
		}
		if got := lag(away{w.bucket}, 10*time.Minute); got < 590 || got > 610 {
			t.Errorf("ten minutes after the store went away it is %v s", got)
		}
	})
}

// away lists nothing.
type away struct{ vault.Bucket }

func (away) List(context.Context, string, string, func(vault.Object) error) error { return errAway }

// careless stores the first segment's object otherwise than it was given, and says that it is well.
type careless struct {
	vault.Bucket
	once *sync.Once
}

func (b careless) Put(ctx context.Context, name string, content []byte) error {
	if strings.HasSuffix(name, ".seg") {
		b.once.Do(func() { content = append(slices.Clone(content[:len(content)-1]), ^content[len(content)-1]) })
	}
	return b.Bucket.Put(ctx, name, content)
}

// A segment is read back before a manifest names it.
func TestStoredOtherwise(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(50)
		o := w.options("a", careless{w.bucket, &sync.Once{}})
		stop := w.start(o)
		<-time.After(time.Minute)
		if manifests := w.names(".json"); len(manifests) > 0 {
			t.Errorf("%q were written", manifests)
		}
		if all, err := w.log().Status(t.Context(), 1, time.Now()); err != nil || !strings.Contains(all[0].Trouble, "something else") {
			t.Errorf("status says %+v, %v", all, err)
		}
		for _, name := range w.names(".seg") {
			w.bucket.Damage(name, nil) // as an operator who looked at it
		}
		<-time.After(time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		w.memory.Trim(eventlog.Events, 0, 51)
		w.wantAll()
	})
}
