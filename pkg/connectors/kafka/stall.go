package kafka

import (
	"sync"
	"time"
)

const (
	// slowRound is after how long a round that is still under way is called a stall: it is logged then, and every
	// stallSaid after, and once more when it is over.
	slowRound = 5 * time.Second
	stallSaid = time.Minute
	// stallTick is how often the metric of how long appends wait is brought up to date.
	stallTick = time.Second
)

// watch tells of a round of appends that takes long, until the returned function is called.
func (p *producer) watch(start time.Time, records int) (over func()) {
	s := &stall{producer: p, start: start, records: records}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(stallTick, s.tick)
	return s.over
}

// stall is a round under way that may take long.
type stall struct {
	producer *producer
	start    time.Time
	records  int

	mu    sync.Mutex
	timer *time.Timer
	ended bool
	// said is when it was last logged, zero before.
	said time.Time
}

func (s *stall) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	now := time.Now()
	waited := now.Sub(s.start)
	s.producer.waiting.Set(waited.Seconds())
	if waited >= slowRound && now.Sub(s.said) >= stallSaid {
		s.said = now
		s.producer.log.opts.Log.Warn("the log takes nothing; appends wait", "topic", s.producer.topic,
			"records", s.records, "waiting", s.producer.queued(), "seconds", int(waited.Seconds()))
	}
	s.timer.Reset(stallTick)
}

func (s *stall) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.timer.Stop()
	s.producer.waiting.Set(0)
	if !s.said.IsZero() {
		s.producer.log.opts.Log.Info("the log takes appends again", "topic", s.producer.topic, "seconds", int(time.Since(s.start).Seconds()))
	}
}
