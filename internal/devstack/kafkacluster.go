package devstack

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// KafkaCluster is several nodes of Apache Kafka on loopback, each broker and controller, that keep every partition on
// three of them and acknowledge a write once two hold it.
type KafkaCluster struct {
	// Nodes can be killed and restarted one by one; their Stop is the cluster's business.
	Nodes []*Kafka
}

// kafkaNodes is how many there are: the fewest that lose nothing and go on when one is killed.
const kafkaNodes = 3

// clusterConfig is what differs from a node that is alone. Topics of Kafka's own are small here.
var clusterConfig = map[string]string{
	"default.replication.factor":                       "3",
	"min.insync.replicas":                              "2",
	"offsets.topic.replication.factor":                 "3",
	"transaction.state.log.replication.factor":         "3",
	"transaction.state.log.min.isr":                    "2",
	"share.coordinator.state.topic.replication.factor": "3",
	"share.coordinator.state.topic.min.isr":            "2",
	// A broker that comes back leads its partitions again soon, not after five minutes.
	"leader.imbalance.check.interval.seconds": "5",
}

// StartKafkaCluster starts three nodes and returns once each of them serves metadata (about 10 s on two cores). Dir, if
// given, holds a directory for each; Port must be 0. Errors are as those of StartKafka; after one nothing is left running.
func StartKafkaCluster(ctx context.Context, opts KafkaOptions) (*KafkaCluster, error) {
	if opts.Port != 0 {
		return nil, errors.New("devstack: kafka cluster: several nodes can't have one port")
	}
	config := maps.Clone(clusterConfig)
	maps.Copy(config, opts.Config)
	c, id := &KafkaCluster{}, newClusterID()
	for n := 1; n <= kafkaNodes; n++ {
		own := opts
		own.Config = config
		if opts.Dir != "" {
			own.Dir = filepath.Join(opts.Dir, strconv.Itoa(n))
		}
		k, err := placeKafka(own, n, id)
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.Nodes = append(c.Nodes, k)
	}
	err := withFreePorts(ctx, false, func() error { return c.start(ctx) })
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// start gives the nodes ports and starts them together: none serves before two are there.
func (c *KafkaCluster) start(ctx context.Context) error {
	voters := make([]string, len(c.Nodes))
	for i, k := range c.Nodes {
		if err := k.choosePorts(); err != nil {
			return err
		}
		voters[i] = k.voter()
	}
	errs := make([]error, len(c.Nodes))
	var started sync.WaitGroup
	for i, k := range c.Nodes {
		k.voters = strings.Join(voters, ",")
		started.Go(func() { errs[i] = k.start(ctx) })
	}
	started.Wait()
	err := errors.Join(errs...)
	if err != nil {
		for _, k := range c.Nodes {
			k.Kill()
		}
	}
	return err
}

// Addrs are the nodes' host:port, the same over restarts.
func (c *KafkaCluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, k := range c.Nodes {
		addrs[i] = hostport(k.port)
	}
	return addrs
}

// ProxiedAddrs are those of the nodes' proxies.
func (c *KafkaCluster) ProxiedAddrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, k := range c.Nodes {
		addrs[i] = k.proxy.Addr()
	}
	return addrs
}

// Stop ends all nodes and removes temporary directories. It ends them by SIGKILL: an orderly stop of the last ones
// waits for a quorum that is gone, and nothing is kept that an orderly stop would save.
func (c *KafkaCluster) Stop() error {
	var err error
	for _, k := range c.Nodes {
		k.Kill()
		err = errors.Join(err, k.release())
	}
	return err
}
