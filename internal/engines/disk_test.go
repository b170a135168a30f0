package engines

import (
	"errors"
	"os/exec"
	"testing"
	"time"

	"annal/internal/app"
	"annal/internal/devstack"
)

// TestKafkaDiskFull: the only broker can't write any more and ends, as Kafka does when its last log directory fails.
// With room again it has all that was acked, and everything goes on.
func TestKafkaDiskFull(t *testing.T) {
	kafka, err := devstack.StartKafka(t.Context(), devstack.KafkaOptions{HeapMiB: 256})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kafka.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := start(t, on{kafka: kafka.Addrs(), redis: devstack.RedisForTest(t).Addr(), replicas: 1})
	f := w.flow(2)
	said := w.log.count()
	w.ok(kafka.FillDisk(64 << 10))
	if !kafka.Exited(patience) {
		t.Fatalf("the broker still runs although its disk is full")
	}
	w.says(takesNothing)
	w.rises(waitingSeconds, 4)
	w.ok(kafka.Restart(t.Context()))
	t.Logf("goes on %v after there was room again", f.goesOn(50))
	w.says(takesAgain)
	w.saidLittle(said, 2*lineBudget)
	f.finish()
}

// TestSequencerDiskFull: a sequencer that can't store its rows ends with a clear error and an exit code, and loses
// nothing: with room again it goes on behind what it stored.
func TestSequencerDiskFull(t *testing.T) {
	w := start(t, on{kafka: kafkaCluster(t).Addrs(), redis: devstack.RedisForTest(t).Addr(), apart: []string{app.RoleSequencer}})
	f := w.flow(2)
	w.ok(devstack.LimitFiles(w.apart.cmd.Process.Pid, 128<<10))
	select {
	case <-w.apart.done:
	case <-time.After(patience):
		t.Fatal("the sequencer still runs although its disk is full")
	}
	var exit *exec.ExitError
	if !errors.As(w.apart.err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v, want exit code 1", w.apart.err)
	}
	if n := w.apart.count("the rows can't be stored; this process ends", "file too large"); n != 1 {
		t.Errorf("%d lines say why it ended, want one:\n%s", n, w.apart.output())
	}
	w.apart = w.startApart(app.RoleSequencer)
	t.Logf("goes on %v after there was room again", f.goesOn(50))
	f.finish()
}
