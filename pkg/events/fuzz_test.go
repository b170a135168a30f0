package events_test

import (
	"errors"
	"reflect"
	"testing"

	"annal/internal/fuzzcorpus"
	"annal/pkg/events"
)

// A row's bytes are a row that can be written and is then read as the same, or a decode error: a store or
// a snapshot that is damaged is found out, and never brings a process down.
func FuzzDecodeRow(f *testing.F) {
	for k, row := range sampleRows() {
		b, err := events.EncodeRow(row)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(k), b)
	}
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		row, err := events.DecodeRow(events.Key(key), value)
		if err != nil {
			var decode *events.DecodeError
			var unknown *events.TypeError
			if !errors.As(err, &decode) && !errors.As(err, &unknown) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		b, err := events.EncodeRow(row)
		if err != nil {
			t.Fatalf("read %+v from %x, and cannot write it: %v", row, value, err)
		}
		if again, err := events.DecodeRow(events.Key(key), b); err != nil || !reflect.DeepEqual(again, row) {
			t.Fatalf("%v\nread  %+v\nagain %+v", err, row, again)
		}
	})
}

// The same of a snapshot, whose chunks are each what it says or refused.
func FuzzParseSnapshot(f *testing.F) {
	s := events.Snapshot{Session: "g_a", Offset: 7, LastingSeq: 3, LastingTime: 5, Rows: []events.StoredRow{{Key: events.HeadKey, Value: []byte{1}}}}
	for _, s := range []events.Snapshot{s, {Session: "g_a", Offset: 7, Chunks: []events.ChunkRef{{SHA256: events.Hash{1}}}}} {
		rec, err := events.EncodeSnapshot(s, sampleEnvelope)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(rec.Value)
	}
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := events.ParseSnapshot("g_a", value)
		if err != nil {
			var decode *events.DecodeError
			if !errors.As(err, &decode) && !errors.Is(err, events.ErrForm) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		rec, err := events.EncodeSnapshot(s, sampleEnvelope)
		if err != nil {
			t.Fatalf("read %+v from %x, and cannot write it: %v", s, value, err)
		}
		if again, err := events.ParseSnapshot("g_a", rec.Value); err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%v\nread  %+v\nagain %+v", err, s, again)
		}
	})
}
