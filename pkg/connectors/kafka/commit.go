package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"annal/pkg/eventlog"
)

// Commit is eventlog.Membership's. Brokers take a member's commit of any partition,
// its own or not, so the assignment is looked at here, after the generation was
// read: a partition leaves the assignment before its next owner's generation
// begins, hence a commit that the group takes was made while the partition was
// ours. While a rebalance changes the generation it is tried again, for as long as
// the partition stays ours.
func (m *member) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	if len(metadata) > eventlog.MaxMetadataBytes {
		return fmt.Errorf("kafka: commit metadata has %d bytes, limit %d", len(metadata), eventlog.MaxMetadataBytes)
	}
	for try := 0; ; try++ {
		err := m.commit(ctx, partition, offset, metadata)
		if err == nil || !passing(err) {
			return err
		}
		if try > 0 && try%10 == 0 {
			m.log.opts.Log.Warn("a commit waits", "group", m.group, "partition", partition, "error", err)
		}
		pause(ctx, backoff(try))
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// passing says of an error that the next try may fare better, or learn that the
// partition is lost.
func passing(err error) bool {
	return kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.Is(err, kerr.RebalanceInProgress) ||
		errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.UnknownMemberID)
}

func (m *member) commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	m.mu.Lock()
	client := m.client
	var id string
	generation := int32(-1)
	if client != nil {
		id, generation = client.GroupMetadata()
	}
	assigned := client != nil && m.assigned[partition]
	m.mu.Unlock()
	if !assigned {
		return fmt.Errorf("%w: %s/%d of group %s", eventlog.ErrNotAssigned, m.topic, partition, m.group)
	}
	resp, err := m.commitRequest(id, generation, partition, offset, metadata).RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("kafka: commit: %w", err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errors.New("kafka: commit: the answer names other partitions than asked")
	}
	err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	switch {
	case errors.Is(err, kerr.FencedInstanceID):
		return fmt.Errorf("%w: %s/%d of group %s: %w", eventlog.ErrNotAssigned, m.topic, partition, m.group, err)
	case err != nil:
		return fmt.Errorf("kafka: commit of %s/%d: %w", m.topic, partition, err)
	}
	return nil
}

func (m *member) commitRequest(id string, generation, partition int32, offset int64, metadata string) *kmsg.OffsetCommitRequest {
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.Metadata = partition, offset, &metadata
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.Partitions = m.topic, []kmsg.OffsetCommitRequestTopicPartition{p}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.MemberID = m.group, generation, id
	if m.instance != "" {
		req.InstanceID = &m.instance
	}
	req.Topics = []kmsg.OffsetCommitRequestTopic{t}
	return req
}
