package devstack

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var in2020 = time.Date(2020, 2, 2, 0, 0, 0, 0, time.UTC)

var appendTimeTopic = map[string]string{"message.timestamp.type": "LogAppendTime"}

func startKfake(t *testing.T, opts KfakeOptions) *Kfake {
	t.Helper()
	k, err := StartKfake(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	return k
}

func TestKfakeGivesBrokerTime(t *testing.T) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	now := time.Date(2026, 5, 5, 5, 5, 5, 0, time.UTC)
	k := startKfake(t, KfakeOptions{Now: func() time.Time { return now }})
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			createTopic(t, k.Addrs(), name, appendTimeTopic)
			client := newClient(t, k.Addrs(), kgo.DefaultProduceTopic(name), kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(50*time.Millisecond))
			const n = 100
			records := make([]*kgo.Record, n)
			for i := range records {
				records[i] = &kgo.Record{
					Key: []byte("k"), Value: []byte(fmt.Sprintf("value %d %s", i, strings.Repeat("x", 100))),
					Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("t")}},
					// Forwards, and backwards from the batch's first: both are deltas in the batch.
					Timestamp: in2020.Add(time.Duration((i*37)%n-n/2) * time.Hour),
				}
			}
			if err := client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			for i, r := range consume(t, k.Addrs(), name, n) {
				if !r.Timestamp.Equal(now) {
					t.Fatalf("record %d has time %v, want the broker's %v", i, r.Timestamp, now)
				}
				if want := fmt.Sprintf("value %d ", i); !strings.HasPrefix(string(r.Value), want) || string(r.Key) != "k" || len(r.Headers) != 1 {
					t.Fatalf("record %d was changed: %q %q %v", i, r.Key, r.Value, r.Headers)
				}
			}
		})
	}
}

func TestKfakeLeavesCreateTimeAlone(t *testing.T) {
	k := startKfake(t, KfakeOptions{})
	createTopic(t, k.Addrs(), "plain", nil)
	produce(t, k.Addrs(), "plain", &kgo.Record{Value: []byte("x"), Timestamp: in2020})
	if got := consume(t, k.Addrs(), "plain", 1)[0].Timestamp; !got.Equal(in2020) {
		t.Errorf("got %v", got)
	}
}

func TestKfakeTimeNeverGoesBack(t *testing.T) {
	dir := t.TempDir()
	var nowMS atomic.Int64
	clock := func() time.Time { return time.UnixMilli(nowMS.Load()) }
	nowMS.Store(2_000_000)
	k := startKfake(t, KfakeOptions{Dir: dir, Now: clock})
	createTopic(t, k.Addrs(), "times", appendTimeTopic)
	produce(t, k.Addrs(), "times", kgo.StringRecord("a"))
	nowMS.Store(1_000_000)
	produce(t, k.Addrs(), "times", kgo.StringRecord("b"))
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	k = startKfake(t, KfakeOptions{Dir: dir, Now: clock})
	produce(t, k.Addrs(), "times", kgo.StringRecord("c"))
	nowMS.Store(3_000_000)
	produce(t, k.Addrs(), "times", kgo.StringRecord("d"))
	var got []int64
	for _, r := range consume(t, k.Addrs(), "times", 4) {
		got = append(got, r.Timestamp.UnixMilli())
	}
	if want := "[2000000 2000000 2000000 3000000]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestKfakeKeepsAllOverKill(t *testing.T) {
	dir := t.TempDir()
	parent, addrs := startRole(t, "kfake", dir)
	createTopic(t, addrs, "kept", map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"})
	const n = 500
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Value: []byte(fmt.Sprint(i)), Timestamp: in2020.Add(time.Duration(i) * time.Millisecond)}
	}
	produce(t, addrs, "kept", records...)
	admin := kadm.NewClient(newClient(t, addrs))
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: "kept", Partition: 0, At: 123, LeaderEpoch: -1, Metadata: "owner=7"})
	if err := admin.CommitAllOffsets(testContext(t), "readers", offsets); err != nil {
		t.Fatal(err)
	}
	killRole(t, parent)

	k := startKfake(t, KfakeOptions{Dir: dir})
	for i, r := range consume(t, k.Addrs(), "kept", n) {
		if string(r.Value) != fmt.Sprint(i) || r.Offset != int64(i) || r.Timestamp.Year() < 2021 {
			t.Fatalf("record %d: %q at offset %d of %v", i, r.Value, r.Offset, r.Timestamp)
		}
	}
	committed, err := kadm.NewClient(newClient(t, k.Addrs())).FetchOffsets(testContext(t), "readers")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := committed.Lookup("kept", 0); !ok || o.At != 123 || o.Metadata != "owner=7" {
		t.Errorf("committed offset: %+v", o)
	}
	if !wantsAppendTime(k.cluster.TopicInfo("kept").Configs) {
		t.Error("the topic's configuration is gone")
	}
	produce(t, k.Addrs(), "kept", kgo.StringRecord("after"))

	if _, err := StartKfake(KfakeOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second kfake in the same directory: %v", err)
	}
}

// TestKfakeKnowsItsEndOverKill: where records were deleted, but for the last one. (Without one it would begin at 0 again: vault.Log.Trim
// leaves it.)
func TestKfakeKnowsItsEndOverKill(t *testing.T) {
	dir := t.TempDir()
	parent, addrs := startRole(t, "kfake", dir)
	createTopic(t, addrs, "trimmed", map[string]string{"retention.ms": "-1"})
	for range 50 {
		produce(t, addrs, "trimmed", kgo.StringRecord("a"), kgo.StringRecord("b"))
	}
	var below kadm.Offsets
	below.Add(kadm.Offset{Topic: "trimmed", Partition: 0, At: 99})
	deleted, err := kadm.NewClient(newClient(t, addrs)).DeleteRecords(testContext(t), below)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	killRole(t, parent)
	k := startKfake(t, KfakeOptions{Dir: dir})
	if info := k.cluster.PartitionInfo("trimmed", 0); info.HighWatermark != 100 || info.LogStartOffset > 99 {
		t.Errorf("it has %d to %d, want up to 100", info.LogStartOffset, info.HighWatermark)
	}
}

func TestKfakeTrimsByRetention(t *testing.T) {
	k := startKfake(t, KfakeOptions{Dir: t.TempDir(), CleanEvery: 20 * time.Millisecond})
	createTopic(t, k.Addrs(), "bounded", map[string]string{"retention.bytes": "65536", "segment.bytes": "16384"})
	client := newClient(t, k.Addrs(), kgo.DefaultProduceTopic("bounded"), kgo.ProducerBatchCompression(kgo.NoCompression()))
	const n = 300
	for range n {
		if err := client.ProduceSync(testContext(t), kgo.SliceRecord(make([]byte, 4096))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "trimmed to what retention allows", func() bool {
		info := k.cluster.PartitionInfo("bounded", 0)
		return info.HighWatermark == n && info.LogStartOffset > 0 && info.NumBytes <= 2*65536
	})
}
