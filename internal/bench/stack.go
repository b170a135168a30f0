package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/app"
	"annal/internal/devstack"
	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// stack is a deployment: Kafka and Redis, a process that decides and projects, and
// gateways as they are launched.
type stack struct {
	executable string
	dir        string
	kafka      *devstack.Kafka
	redis      *devstack.Redis
	// core has a gateway of its own, for making sessions.
	core *server
	key  auth.Key
}

const (
	// crowdSessions are those of each person: a conversation with one other, and a group.
	crowdSessions = 2
	// crowdGroup is how many are in a group.
	crowdGroup = 20
	// crowdTimeout bounds making all sessions.
	crowdTimeout = 5 * time.Minute
	// idleTokenTTL is how long tokens are good: longer than anything here takes.
	idleTokenTTL = 24 * time.Hour
)

func startStack(ctx context.Context, executable string) (s *stack, err error) {
	s = &stack{executable: executable}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "annal-idle-"); err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	if s.kafka, err = devstack.StartKafka(ctx, devstack.KafkaOptions{Dir: filepath.Join(s.dir, "kafka")}); err != nil {
		return s, err
	}
	if s.redis, err = devstack.StartRedis(ctx, devstack.RedisOptions{Dir: filepath.Join(s.dir, "redis")}); err != nil {
		return s, err
	}
	if err := (app.Topics{Kafka: s.kafka.Addrs(), Partitions: scalePartitions, Replication: 1, MinISR: 1}).Create(ctx); err != nil {
		return s, err
	}
	if err := s.makeKeys(); err != nil {
		return s, err
	}
	s.core, err = s.launch(ctx, "sequencer,hot,gateway")
	return s, err
}

func (s *stack) keyFile() string    { return filepath.Join(s.dir, "key.json") }
func (s *stack) publicFile() string { return filepath.Join(s.dir, "keys.json") }

func (s *stack) makeKeys() error {
	if err := app.NewKey(s.keyFile()); err != nil {
		return err
	}
	public, err := app.PublicKeys(app.TokenRequest{KeyFile: s.keyFile()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.publicFile(), public, 0o600); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	content, err := os.ReadFile(s.keyFile())
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	s.key, err = auth.ParseKey(content)
	return err
}

// token is a person's.
func (s *stack) token(user string) (string, error) {
	now := time.Now()
	return auth.Issue(s.key, auth.Identity{User: events.UserID(user), Expires: now.Add(idleTokenTTL)}, now)
}

// launch starts a process with some roles and waits until it is ready.
func (s *stack) launch(ctx context.Context, roles string, args ...string) (*server, error) {
	dir, err := os.MkdirTemp(s.dir, "process-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	all := []string{
		"serve", "--roles", roles, "--kafka", strings.Join(s.kafka.Addrs(), ","), "--redis", s.redis.Addr(),
		"--auth-keys", s.publicFile(), "--data", filepath.Join(dir, "data"),
	}
	return launch(ctx, dir, s.executable, append(all, args...)...)
}

// stop ends what was started.
func (s *stack) stop() (err error) {
	if s.core != nil {
		err = s.core.stop()
	}
	if s.redis != nil {
		err = errors.Join(err, s.redis.Stop())
	}
	if s.kafka != nil {
		err = errors.Join(err, s.kafka.Stop())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

func person(i int) string { return fmt.Sprintf("p%06d", i) }

// settle makes the sessions of n people: each has one with a neighbour, and a group.
func (s *stack) settle(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, crowdTimeout)
	defer cancel()
	now := time.Now()
	token, err := auth.Issue(s.key, auth.Identity{User: "bench", Service: "bench", Expires: now.Add(idleTokenTTL)}, now)
	if err != nil {
		return err
	}
	c, err := client.Dial(ctx, client.Options{URL: s.core.at.WS, Token: client.StaticToken(token), Device: "bench"})
	if err != nil {
		return err
	}
	defer c.Close()
	var mu sync.Mutex
	var failed error // the first
	var acks sync.WaitGroup
	create := func(op client.Create, as string) {
		acks.Add(1)
		c.Go(ctx, op, func(_ client.Ack, err error) {
			defer acks.Done()
			mu.Lock()
			defer mu.Unlock()
			failed = cmp.Or(failed, err)
		}, client.AsUser(as), client.ClientID("bench"))
	}
	for i := 0; i < n; i += 2 {
		create(client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: members(i+1, i+2)}, person(i))
	}
	for i := 0; i < n; i += crowdGroup {
		create(client.Create{Kind: logv1.Kind_KIND_GROUP, Name: "bench", Members: members(i+1, min(i+crowdGroup, n))}, person(i))
	}
	acks.Wait()
	if failed != nil {
		return fmt.Errorf("bench: make sessions: %w", failed)
	}
	return nil
}

// members are people from one to before another, as a session is created with.
func members(from, to int) []*logv1.NewMember {
	all := make([]*logv1.NewMember, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, &logv1.NewMember{User: person(i)})
	}
	return all
}
