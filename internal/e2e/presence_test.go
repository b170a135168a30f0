package e2e_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
)

// TestPresence: over two gateways people see who is online; a second login of a device takes the first one's place unseen; and with a gateway
// that is killed its devices are offline within a minute, last seen when it was last heard of.
func TestPresence(t *testing.T) {
	d := annaltest.NewDeployment(t)
	d.Serve(t, "gateway", "gateway-2", "sequencer", "hot")
	connect := func(gateway, user string) *client.Client {
		t.Helper()
		return annaltest.Connect(t, d.Roles[gateway].File, d.Token(t, user), "")
	}
	alice, bob := connect("gateway", "alice"), connect("gateway", "bob")
	annaltest.Meet(t, alice, bob)
	w := alice.WatchPresence([]string{"bob"})
	next := func(what string, within time.Duration, wanted func(*clientv1.PresenceState) bool) *clientv1.PresenceState {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		for {
			s, err := w.Next(ctx)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if wanted(s) {
				return s
			}
		}
	}
	next("online", annaltest.Patience, (*clientv1.PresenceState).GetOnline)

	// The second login comes before the first one's end.
	second := connect("gateway-2", "bob")
	bob.Close()
	quiet, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	for {
		s, err := w.Next(quiet)
		if err != nil {
			break
		}
		if !s.GetOnline() {
			t.Errorf("bob connected anew, and is told to be offline: %v", s)
		}
	}
	cancel()
	if s := presenceOf(t, d, "bob"); !s.Online || len(s.Connections) != 1 {
		t.Errorf("bob has %+v", s)
	}

	killed := time.Now()
	d.Roles["gateway-2"].Kill()
	s := next("offline", time.Minute, func(s *clientv1.PresenceState) bool { return !s.GetOnline() })
	t.Logf("bob is told to be offline %.1f s after the kill", time.Since(killed).Seconds())
	if off := killed.Sub(time.UnixMilli(s.GetLastSeenMs())); off < -time.Second || off > 10*time.Second {
		t.Errorf("bob was last seen %v before the kill", off)
	}
	if is := presenceOf(t, d, "bob"); is.Online || is.LastSeenMs != s.GetLastSeenMs() {
		t.Errorf("annal presence says %+v, alice was told %v", is, s)
	}
	second.Close()
}

type presenceLine struct {
	Online      bool              `json:"online"`
	LastSeenMs  int64             `json:"last_seen_ms"`
	Connections []json.RawMessage `json:"connections"`
}

func presenceOf(t *testing.T, d *annaltest.Deployment, user string) presenceLine {
	t.Helper()
	var all []presenceLine
	if err := json.Unmarshal([]byte(annaltest.Run(t, "presence", "--redis", d.Redis, "--prefix", d.Prefix, "--json", user)), &all); err != nil || len(all) != 1 {
		t.Fatalf("annal presence tells %+v, %v", all, err)
	}
	return all[0]
}
