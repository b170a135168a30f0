package events

import (
	"errors"
	"reflect"
	"testing"
)

func TestQuarantinedComesBack(t *testing.T) {
	q := Quarantined{
		Topic: "annal.events", Partition: 3, Offset: 17, Reason: PoisonVersion, Detail: "from the future",
		Record: Record{Key: []byte("g_1"), Value: []byte{0xff, 0}, Headers: []Header{{"a", []byte{0xfe}}, {"b", []byte("2")}}},
	}
	rec, err := EncodeQuarantined(q, Envelope{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeQuarantined(rec); err != nil || !reflect.DeepEqual(got, q) {
		t.Errorf("got %+v, %v; want %+v", got, err, q)
	}
	rec.Value = []byte{0xff}
	var bad *DecodeError
	if _, err := DecodeQuarantined(rec); !errors.As(err, &bad) {
		t.Errorf("broken bytes: %v, want a DecodeError", err)
	}
	rec.Headers = nil
	if _, err := DecodeQuarantined(rec); err == nil {
		t.Error("a record without headers was taken")
	}
}
