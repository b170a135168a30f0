package chdbd

import (
	"sync"
	"time"

	"annal/internal/chdb"
)

// Bounds of sessions (session_id): a connection that keeps its settings, temporary tables and database from one
// request to the next.
const (
	maxSessions       = 64
	sessionTimeout    = 60 * time.Second
	maxSessionTimeout = time.Hour
)

type session struct {
	conn *chdb.Conn
	user string
	busy bool
	// ends is set while it is not busy.
	ends *time.Timer
}

type sessions struct {
	mu   sync.Mutex
	open map[string]*session
}

// key keeps users apart.
func sessionKey(user, id string) string { return user + "\x00" + id }

// take gives the session's connection, made anew when there is none; refused while another request has it.
func (s *sessions) take(user, id string, check bool, connect func() (*chdb.Conn, error)) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sessionKey(user, id)
	one := s.open[key]
	switch {
	case one != nil && one.busy:
		return nil, fail(codeLocked, "Session %s is locked by a concurrent client", id)
	case one != nil:
		one.ends.Stop()
		one.busy = true
		return one, nil
	case check:
		return nil, fail(codeNoSession, "Session %s not found", id)
	case len(s.open) >= maxSessions:
		return nil, fail(codeTooManySessions, "there are %d sessions already", maxSessions)
	}
	conn, err := connect()
	if err != nil {
		return nil, err
	}
	one = &session{conn: conn, user: user, busy: true}
	s.open[key] = one
	return one, nil
}

// give gives the session back, to end when nobody takes it within timeout.
func (s *sessions) give(one *session, id string, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.busy = false
	key := sessionKey(one.user, id)
	if timeout <= 0 {
		delete(s.open, key)
		one.conn.Close()
		return
	}
	one.ends = time.AfterFunc(min(timeout, maxSessionTimeout), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[key] == one && !one.busy {
			delete(s.open, key)
			one.conn.Close()
		}
	})
}

// close ends all that nobody uses.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.open {
		if one.busy {
			continue
		}
		one.ends.Stop()
		one.conn.Close()
		delete(s.open, key)
	}
}
