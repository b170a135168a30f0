package load

import (
	"reflect"
	"testing"
	"time"
)

func TestGaps(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	l := &Load{opts: Options{Partitions: 2}, probes: []*probe{
		{acks: map[int32][]time.Time{0: {at(0), at(200), at(5000)}, 1: {at(0), at(900)}}},
		{acks: map[int32][]time.Time{0: {at(3000)}}},
	}}
	got := l.Gaps(time.Second)
	want := []Gap{{0, at(200), 2800 * time.Millisecond}, {0, at(3000), 2 * time.Second}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
