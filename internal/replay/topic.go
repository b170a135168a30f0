package replay

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"annal/pkg/eventlog"
)

// Errors of a topic to feed.
var (
	// ErrOwnTopic: the topic is one of Annal's own, of this deployment or of another.
	ErrOwnTopic = errors.New("REPLAY_OWN_TOPIC: the topic is Annal's own")
	// ErrTopicName: no topic can have that name.
	ErrTopicName = errors.New("REPLAY_TOPIC_NAME: a topic's name is 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'")
	// ErrNotEmpty: something is in the topic already.
	ErrNotEmpty = errors.New("REPLAY_NOT_EMPTY: the topic holds records already")
)

// ownTopics begin the names of Annal's own, behind a deployment's prefix.
const ownTopics = "annal."

var (
	topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	// foreignTopics are Annal's own under prefixes as they are: ended by a sign. Behind other prefixes the topics are known by their whole names.
	foreignTopics = regexp.MustCompile(`(^|[._-])annal\.|annal\.(commands|events|snapshots|quarantine|config)$`)
)

// CheckName refuses what is no name, and Annal's own topics: those of another deployment as well, whose prefix nobody here knows.
func CheckName(t eventlog.Topic, prefix string) error {
	switch {
	case !topicName.MatchString(string(t)) || t == "." || t == "..":
		return fmt.Errorf("%w, not %q", ErrTopicName, t)
	case strings.HasPrefix(string(t), prefix+ownTopics), foreignTopics.MatchString(string(t)):
		return fmt.Errorf("%w: %s", ErrOwnTopic, t)
	}
	return nil
}

// CheckEmpty refuses a topic that holds something. The topic must be there.
func CheckEmpty(ctx context.Context, log eventlog.Log, t eventlog.Topic) error {
	n, err := log.Partitions(ctx, t)
	if err != nil {
		return err
	}
	for p := range n {
		start, end, err := log.Bounds(ctx, t, p)
		if err != nil {
			return err
		}
		if end > start {
			return fmt.Errorf("%w: %s has %d in partition %d", ErrNotEmpty, t, end-start, p)
		}
	}
	return nil
}

// Topic appends records to a topic as they are: key, value and headers. A session's records stand in one partition, in order. The log bounds
// what is under way.
type Topic struct {
	// ctx bounds the appends: those that are under way when a replay ends are still to be written.
	ctx   context.Context
	log   eventlog.Log
	topic eventlog.Topic
	// same: the topic has as many partitions as the events, and each goes to its own.
	same bool

	waiting sync.WaitGroup
	mu      sync.Mutex
	err     error
}

// NewTopic makes a sink, which appends until ctx ends; of is how many partitions the events have.
func NewTopic(ctx context.Context, log eventlog.Log, t eventlog.Topic, of int32) (*Topic, error) {
	n, err := log.Partitions(ctx, t)
	if err != nil {
		return nil, err
	}
	return &Topic{ctx: ctx, log: log, topic: t, same: n == of}, nil
}

// Take implements Sink.
func (t *Topic) Take(_ context.Context, e *Entry) error {
	if err := t.failed(); err != nil {
		return err
	}
	partition := eventlog.ByKey
	if t.same {
		partition = e.Record.Partition
	}
	t.waiting.Add(1)
	t.log.Append(t.ctx, t.topic, partition, e.Record.Record, func(_ int32, _ int64, err error) {
		defer t.waiting.Done()
		if err != nil {
			t.mu.Lock()
			if t.err == nil {
				t.err = err
			}
			t.mu.Unlock()
		}
	})
	return nil
}

// Flush waits until all was appended.
func (t *Topic) Flush() error {
	t.waiting.Wait()
	return t.failed()
}

func (t *Topic) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return fmt.Errorf("replay: append to %s: %w", t.topic, t.err)
	}
	return nil
}
