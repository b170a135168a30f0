package sim

import (
	"strconv"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/eventlog/logtest"
)

// TestLogConforms: a log over a link is a log, as long as nothing goes wrong.
func TestLogConforms(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Fixture {
		w := &World{partitions: 4, memory: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 4})}
		w.calm.Store(true)
		t.Cleanup(w.memory.Close)
		processes := 0
		return logtest.Fixture{
			Partitions: 4, MaxRecordBytes: eventlog.MaxRecordBytes, MaxNext: 1024,
			Open: func(t *testing.T) eventlog.Log {
				processes++
				log := newNetLog(w, newLink(w, strconv.Itoa(processes)))
				t.Cleanup(log.Close)
				return log
			},
			Trim: func(_ *testing.T, topic eventlog.Topic, partition int32, before int64) {
				w.memory.Trim(topic, partition, before)
			},
		}
	})
}
