package devstack

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// KfakeOptions say how a [Kfake] is started. The zero value is a broker in memory on a free port.
type KfakeOptions struct {
	// Dir keeps its data over restarts. Empty: in memory only.
	Dir string
	// Port to listen on. 0: a free one.
	Port int
	// SyncWrites makes every produce wait for the disk. Without it a killed process loses nothing, a power cut may
	// lose the last seconds. kfake syncs each batch on its own, so this is slow.
	SyncWrites bool
	// CleanEvery is how often retention and compaction run. 0: 10 s. kfake's own default is an hour, and all it keeps
	// is in memory, so this together with a topic's retention.ms or retention.bytes bounds the memory. Whole segments
	// go at a time, so such a topic wants a segment.bytes well below its retention.bytes.
	CleanEvery time.Duration
	// Config are further broker settings, such as "message.max.bytes".
	Config map[string]string
	// Now is the broker's clock. nil: time.Now.
	Now func() time.Time
}

// Kfake is franz-go's in-process broker, with the broker's append times where a topic asks for them
// (message.timestamp.type=LogAppendTime), which kfake itself ignores; see appendTimes. Records then carry the broker's
// time but are still marked CreateTime, and a produce response does not tell it: readers only can know it.
type Kfake struct {
	cluster *kfake.Cluster
	lock    *os.File // nil without a directory
}

// StartKfake starts a broker that answers when it returns. It fails when Dir is in use by another process or holds
// what can't be read, and when Port is taken.
func StartKfake(opts KfakeOptions) (*Kfake, error) {
	if opts.CleanEvery == 0 {
		opts.CleanEvery = 10 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	k := new(Kfake)
	kopts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": strconv.FormatInt(opts.CleanEvery.Milliseconds(), 10)}),
		kfake.BrokerConfigs(opts.Config),
	}
	if opts.Port != 0 {
		kopts = append(kopts, kfake.Ports(opts.Port))
	}
	if opts.SyncWrites {
		kopts = append(kopts, kfake.SyncWrites())
	}
	if opts.Dir != "" {
		dir, _, err := placeFor(opts.Dir, "kfake")
		if err != nil {
			return nil, err
		}
		// kfake itself would let two processes write into one directory.
		if k.lock, err = lockDir(dir); err != nil {
			return nil, err
		}
		kopts = append(kopts, kfake.DataDir(dir+"/log"))
	}
	var err error
	if k.cluster, err = kfake.NewCluster(kopts...); err != nil {
		return nil, errors.Join(fmt.Errorf("devstack: kfake: %w", err), k.unlock())
	}
	stampProduces(k.cluster, opts.Now)
	return k, nil
}

// Addrs are its host:port, the seed brokers for a client.
func (k *Kfake) Addrs() []string { return k.cluster.ListenAddrs() }

// Stop writes what is left to be written and ends it.
func (k *Kfake) Stop() error {
	k.cluster.Close()
	return k.unlock()
}

func (k *Kfake) unlock() error {
	if k.lock == nil {
		return nil
	}
	return k.lock.Close()
}
