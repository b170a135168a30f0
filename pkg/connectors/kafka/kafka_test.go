package kafka

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/eventlog/logtest"
)

func TestMain(m *testing.M) { devstack.Main(withBenchKafka{m}) }

func TestKafkaConforms(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Fixture { return fixture(t, devstack.KafkaForTest(t).Addrs()) })
}

func TestKfakeConforms(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Fixture { return fixture(t, kfake(t)) })
}

func kfake(t testing.TB) []string {
	t.Helper()
	k, err := devstack.StartKfake(devstack.KfakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	return k.Addrs()
}

// fixture makes topics of its own on a broker.
func fixture(t *testing.T, seeds []string) logtest.Fixture {
	opts := options(t, seeds)
	opts.Now = func() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }
	admin := openLog(t, opts)
	if err := admin.CreateTopics(t.Context(), EmbeddedSpec()); err != nil {
		t.Fatal(err)
	}
	return logtest.Fixture{
		Partitions: EmbeddedSpec().Partitions, MaxRecordBytes: eventlog.MaxRecordBytes, MaxNext: maxNext,
		Open: func(t *testing.T) eventlog.Log { return openLog(t, opts) },
		Trim: func(t *testing.T, topic eventlog.Topic, partition int32, before int64) {
			t.Helper()
			trim(t, admin, topic, partition, before)
		},
		Faulty: func(t *testing.T) (eventlog.Log, logtest.Network) {
			n := &network{conns: map[net.Conn]struct{}{}}
			faulty := opts
			faulty.Dial = n.dial
			return openLog(t, faulty), n
		},
	}
}

func options(t testing.TB, seeds []string) Options {
	o := Defaults()
	o.Seeds, o.Prefix = seeds, devstack.UniqueName(t)+"."
	o.Log, o.Metrics = slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry()
	return o
}

func openLog(t testing.TB, opts Options) *Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	log, err := Open(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

func trim(t *testing.T, log *Log, topic eventlog.Topic, partition int32, before int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: log.opts.topic(topic), Partition: partition, At: before})
	resp, err := log.admin.DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatalf("trim %s/%d to %d: %v", topic, partition, before, err)
	}
}
