// Package vaulttest is the conformance suite of vault.Bucket: every implementation passes all of it.
package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/projections/vault"
)

// Run runs the suite. Names begin with a prefix of the test's own, so one bucket serves many runs.
func Run(t *testing.T, prefix string, open func(t *testing.T) vault.Bucket) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b vault.Bucket, at string)
	}{
		{"put and get", testPutGet}, {"create only", testCreateOnly}, {"one of many wins", testRace}, {"ranges", testRanges}, {"list", testList},
		{"large", testLarge}, {"context ended", testEnded},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t), fmt.Sprintf("%s%x/", prefix, test.name)) })
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func put(t *testing.T, b vault.Bucket, name string, content []byte) {
	t.Helper()
	if err := b.Put(within(t), name, content); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

func wantContent(t *testing.T, b vault.Bucket, name string, offset, length int64, want []byte) {
	t.Helper()
	got, err := b.Get(within(t), name, offset, length)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("get %s, %d from %d: %d bytes (%v), want %d", name, length, offset, len(got), err, len(want))
	}
}

func testPutGet(t *testing.T, b vault.Bucket, at string) {
	put(t, b, at+"a", []byte("first"))
	wantContent(t, b, at+"a", 0, -1, []byte("first"))
	if _, err := b.Get(within(t), at+"b", 0, -1); !errors.Is(err, vault.ErrNoObject) {
		t.Fatalf("get what is not there: %v", err)
	}
	if _, err := b.Get(within(t), at+"b", 3, 4); !errors.Is(err, vault.ErrNoObject) {
		t.Fatalf("get a part of what is not there: %v", err)
	}
}

func testCreateOnly(t *testing.T, b vault.Bucket, at string) {
	put(t, b, at+"a", []byte("first"))
	if err := b.Put(within(t), at+"a", []byte("second")); !errors.Is(err, vault.ErrExists) {
		t.Fatalf("put over an object: %v, want %v", err, vault.ErrExists)
	}
	wantContent(t, b, at+"a", 0, -1, []byte("first"))
}

func testRace(t *testing.T, b vault.Bucket, at string) {
	const writers = 8
	var won atomic.Int32
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			err := b.Put(within(t), at+"a", bytes.Repeat([]byte{byte(i)}, 100_000))
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, vault.ErrExists):
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	content, err := b.Get(within(t), at+"a", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if won.Load() != 1 || len(content) != 100_000 || !bytes.Equal(content, bytes.Repeat(content[:1], len(content))) {
		t.Fatalf("%d of %d writers won, and the object has %d bytes: want one, whole", won.Load(), writers, len(content))
	}
}

func testRanges(t *testing.T, b vault.Bucket, at string) {
	put(t, b, at+"a", []byte("0123456789"))
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, 3, "012"}, {4, 3, "456"}, {8, 10, "89"}, {4, -1, "456789"}, {0, 10, "0123456789"}, {0, 100, "0123456789"}, {10, 5, ""}, {100, 5, ""}, {10, -1, ""}} {
		wantContent(t, b, at+"a", c.offset, c.length, []byte(c.want))
	}
}

func testList(t *testing.T, b vault.Bucket, at string) {
	var want []string
	for i := range 25 {
		name := fmt.Sprintf("%sin/%05d", at, i*7)
		put(t, b, name, []byte{1, 2, 3})
		want = append(want, name)
	}
	put(t, b, at+"io", []byte{1})
	list := func(after string) (names []string) {
		t.Helper()
		err := b.List(within(t), at+"in/", after, func(o vault.Object) error {
			if o.Bytes != 3 {
				t.Errorf("%s is listed with %d bytes", o.Name, o.Bytes)
			}
			names = append(names, o.Name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got := list(""); !slices.Equal(got, want) {
		t.Fatalf("listed %q", got)
	}
	if got := list(want[9]); !slices.Equal(got, want[10:]) {
		t.Fatalf("after %s listed %q", want[9], got)
	}
	enough := errors.New("enough")
	if err := b.List(within(t), at+"in/", "", func(vault.Object) error { return enough }); !errors.Is(err, enough) {
		t.Fatalf("a listing that was told to end gave %v", err)
	}
}

func testLarge(t *testing.T, b vault.Bucket, at string) {
	content := bytes.Repeat([]byte("annal is a log. "), 20<<20/16)
	put(t, b, at+"a", content)
	wantContent(t, b, at+"a", 0, -1, content)
	wantContent(t, b, at+"a", 19<<20, 1000, content[19<<20:19<<20+1000])
}

func testEnded(t *testing.T, b vault.Bucket, at string) {
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	if err := b.Put(ctx, at+"a", []byte{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := b.Get(ctx, at+"a", 0, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if err := b.List(ctx, at, "", func(vault.Object) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("list: %v", err)
	}
}
