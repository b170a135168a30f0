package devstack

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// KafkaOptions say how a [Kafka] is started. The zero value is right for tests.
type KafkaOptions struct {
	// Dir holds its data, configuration and log. Empty: a temporary one, removed by Stop. A directory used before
	// is opened again with what it holds.
	Dir string
	// Port to listen on. 0: a free one, kept over restarts.
	Port int
	// HeapMiB is the size of the Java heap. 0: 512.
	HeapMiB int
	// JVMFlags are appended to ours, which are chosen for a quick start over throughput: a benchmark gives
	// -XX:-TieredCompilation or the like.
	JVMFlags []string
	// Config adds to or replaces lines of server.properties, such as "log.retention.check.interval.ms": "1000".
	Config map[string]string
	// Proxied puts a [Proxy] between clients and each node, see [Kafka.Proxy]; what nodes say to each other goes past it.
	Proxied bool
}

// Kafka is one node of Apache Kafka, broker and KRaft controller, run from the jars that `make engines` fetched: alone
// from StartKafka, one of several from StartKafkaCluster. Its methods are not safe for concurrent use, except Addrs.
type Kafka struct {
	opts           KafkaOptions
	node           int // its id, from 1
	clusterID      string
	voters         string // controller.quorum.voters, the same for all nodes
	dir            string
	temporary      bool
	lock           *os.File
	ports          ports
	port           int
	controllerPort int
	proxy          *Proxy // nil unless proxied; it leads to inner
	inner          int
	proc           *child // nil while stopped
}

//go:embed log4j2.properties
var log4jProperties []byte

// StartKafka formats the directory if needed, starts the broker and returns once it serves metadata (about 4 s).
// The error wraps [ErrEngineMissing] when Java or the jars are missing, and otherwise ends with the tail of the
// broker's log. ctx bounds the start only.
func StartKafka(ctx context.Context, opts KafkaOptions) (*Kafka, error) {
	k, err := placeKafka(opts, 1, newClusterID())
	if err != nil {
		return nil, err
	}
	err = withFreePorts(ctx, opts.Port != 0, func() error {
		if err := k.choosePorts(); err != nil {
			return err
		}
		k.voters = k.voter()
		return k.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, k.release())
	}
	return k, nil
}

// placeKafka gives a node its directory; release gives it back.
func placeKafka(opts KafkaOptions, node int, clusterID string) (*Kafka, error) {
	dir, temporary, err := placeFor(opts.Dir, "kafka")
	if err != nil {
		return nil, err
	}
	k := &Kafka{opts: opts, node: node, clusterID: clusterID, dir: dir, temporary: temporary}
	if k.lock, err = lockDir(dir); err != nil {
		return nil, err // the directory is another's, so it stays
	}
	return k, nil
}

func (k *Kafka) choosePorts() (err error) {
	if err := errors.Join(closeAll(k.proxy), k.ports.release()); err != nil { // of an attempt before
		return err
	}
	if k.port = k.opts.Port; k.port == 0 {
		if k.port, err = k.ports.choose(); err != nil {
			return err
		}
	}
	if k.controllerPort, err = k.ports.choose(); err != nil {
		return err
	}
	if !k.opts.Proxied {
		return nil
	}
	if k.inner, err = k.ports.choose(); err != nil {
		return err
	}
	k.proxy, err = StartProxy(hostport(k.inner))
	return err
}

func (k *Kafka) voter() string { return fmt.Sprintf("%d@%s", k.node, hostport(k.controllerPort)) }

// Addrs are the node's host:port, the same over restarts: the seed broker for a client. They go past a proxy.
func (k *Kafka) Addrs() []string { return []string{hostport(k.port)} }

// Proxy is what clients come through that begin at its address; nil unless the node is proxied.
func (k *Kafka) Proxy() *Proxy { return k.proxy }

// Stop ends it orderly and removes its directory if that was a temporary one, which is the end of it.
// Stopping a stopped one does nothing.
func (k *Kafka) Stop() error {
	var err error
	if k.proc != nil {
		err = k.proc.stop(20 * time.Second)
		k.proc = nil
	}
	return errors.Join(err, k.release())
}

// Kill ends it by SIGKILL and keeps its directory for Restart. What the broker acknowledged is in the kernel's page
// cache by then, so a kill loses none of it; a power cut of a single node could.
func (k *Kafka) Kill() {
	if k.proc != nil {
		k.proc.kill()
		k.proc = nil
	}
}

// Restart starts it on the same ports and directory, killing it first if it runs.
func (k *Kafka) Restart(ctx context.Context) error {
	if k.lock == nil {
		return errors.New("devstack: kafka: restart after Stop, which gave its directory away")
	}
	k.Kill()
	return k.start(ctx)
}

func (k *Kafka) release() error {
	if k.lock == nil {
		return nil
	}
	err := errors.Join(k.lock.Close(), closeAll(k.proxy), k.ports.release())
	k.lock = nil
	if k.temporary {
		err = errors.Join(err, os.RemoveAll(k.dir))
	}
	return err
}

func (k *Kafka) start(ctx context.Context) error {
	libs, err := Cached("kafka/libs")
	if err != nil {
		return fmt.Errorf("devstack: Apache Kafka: %w", err)
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return fmt.Errorf("devstack: Apache Kafka: java: %w", ErrEngineMissing)
	}
	properties, log4j := filepath.Join(k.dir, "server.properties"), filepath.Join(k.dir, "log4j2.properties")
	if err := errors.Join(
		os.WriteFile(properties, k.properties(), 0o644),
		os.WriteFile(log4j, log4jProperties, 0o644),
	); err != nil {
		return fmt.Errorf("devstack: configure kafka: %w", err)
	}
	log := filepath.Join(k.dir, "kafka.log")
	jvm := []string{
		"-Djava.awt.headless=true", "-Dlog4j2.configurationFile=" + log4j,
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto",
		"-cp", filepath.Join(libs, "*"),
	}

	if _, err := os.Stat(filepath.Join(k.dir, "data", "meta.properties")); errors.Is(err, os.ErrNotExist) {
		format, err := startChild("kafka format", k.dir, log, java,
			append(jvm, "kafka.tools.StorageTool", "format", "-t", k.clusterID, "-c", properties)...)
		if err != nil {
			return err
		}
		select {
		case <-format.done:
		case <-ctx.Done():
			format.kill()
		}
		if format.waitErr != nil {
			return fmt.Errorf("devstack: format kafka's directory: %w%s", errors.Join(ctx.Err(), format.waitErr), format.tail())
		}
	}

	heap := k.opts.HeapMiB
	if heap == 0 {
		heap = 512
	}
	args := slices.Concat(jvm, []string{fmt.Sprintf("-Xmx%dm", heap)}, k.opts.JVMFlags, []string{"kafka.Kafka", properties})
	proc, err := startChild("kafka", k.dir, log, java, args...)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addrs()...))
	if err != nil {
		proc.kill()
		return fmt.Errorf("devstack: kafka: %w", err)
	}
	defer client.Close()
	if err := waitReady(ctx, proc, 50*time.Millisecond, func(ctx context.Context) error { return serves(ctx, client, k.node) }); err != nil {
		return err
	}
	k.proc = proc
	return nil
}

// properties is server.properties for a node that is broker and controller.
func (k *Kafka) properties() []byte {
	c := map[string]string{
		"process.roles":                    "broker,controller",
		"node.id":                          strconv.Itoa(k.node),
		"controller.quorum.voters":         k.voters,
		"listeners":                        "PLAINTEXT://" + hostport(k.port) + ",CONTROLLER://" + hostport(k.controllerPort),
		"advertised.listeners":             "PLAINTEXT://" + hostport(k.port),
		"controller.listener.names":        "CONTROLLER",
		"inter.broker.listener.name":       "PLAINTEXT",
		"log.dirs":                         filepath.Join(k.dir, "data"),
		"auto.create.topics.enable":        "false", // a role that meets a missing topic has to say so
		"default.replication.factor":       "1",
		"min.insync.replicas":              "1",
		"offsets.topic.num.partitions":     "4",
		"offsets.topic.replication.factor": "1",
		// These two are not used, but their defaults of 3 would make their first use hang on one node.
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		// Waiting for more members is for large groups that start together. It would add 3 s to every test.
		"group.initial.rebalance.delay.ms": "0",
		// After a kill the controller lets the broker in again once its old session has run out (9 s by default).
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",
		// Threads and buffers for a machine of two cores and a small heap.
		"num.network.threads":            "2",
		"num.io.threads":                 "4",
		"background.threads":             "2",
		"log.cleaner.dedupe.buffer.size": strconv.Itoa(16 << 20),
		"offsets.load.buffer.size":       strconv.Itoa(1 << 20),
	}
	if k.proxy != nil {
		c["listeners"] += ",PROXIED://" + hostport(k.inner)
		c["advertised.listeners"] += ",PROXIED://" + k.proxy.Addr()
		c["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT"
	}
	maps.Copy(c, k.opts.Config)
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%s=%s\n", key, c[key])
	}
	return b.Bytes()
}

// serves asks for metadata: a broker is listed once the controller lets it take requests, later than it listens.
func serves(ctx context.Context, client *kgo.Client, node int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none: nil would mean all of them
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, b := range resp.Brokers {
		if int(b.NodeID) == node {
			return nil
		}
	}
	return fmt.Errorf("metadata does not list broker %d yet", node)
}

// newClusterID is 16 random bytes in the form that Kafka's own tools print.
func newClusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails, by its documentation
	id[0] &= 0x7f           // an id that starts with '-' would be taken for an option
	return base64.RawURLEncoding.EncodeToString(id[:])
}
