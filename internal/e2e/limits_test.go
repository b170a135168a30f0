package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/pkg/client"
)

// TestLimits: what one person does over two gateways at once is counted together.
func TestLimits(t *testing.T) {
	const burst = 60
	d := annaltest.NewDeployment(t)
	for _, name := range []string{"gateway", "gateway-2"} {
		d.Launch(t, name, "--limits", fmt.Sprintf("user.write=1/m:%d", burst))
	}
	d.Serve(t, "sequencer", "hot")
	var clients []*client.Client
	for _, name := range []string{"gateway", "gateway-2"} {
		d.Roles[name].AwaitReady(t)
		clients = append(clients, annaltest.Connect(t, d.Roles[name].File, d.Token(t, "alice"), ""))
	}
	bob := annaltest.Connect(t, d.File(), d.Token(t, "bob"), "")
	pair := annaltest.Meet(t, clients[0], bob) // a write of alice's
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var acked atomic.Int64
	var senders sync.WaitGroup
	for i, c := range clients {
		for range 4 {
			senders.Go(func() {
				for n := 0; ; n++ {
					// A client sends again what is refused for a while, until its time is over.
					if _, err := c.Send(ctx, pair.Session, fmt.Sprint(i, " says ", n)); err != nil {
						return
					}
					acked.Add(1)
				}
			})
		}
	}
	senders.Wait()
	if n := acked.Load(); n != burst-1 {
		t.Errorf("%d were acked over both gateways, want %d", n, burst-1)
	}
	refused, err := d.Roles["gateway"].Metric(t.Context(), `annal_limited_total{class="write",scope="user"}`)
	if err != nil || refused == 0 {
		t.Errorf("the gateway says that it refused %v, %v", refused, err)
	}
	if _, err := bob.Send(t.Context(), pair.Session, "bob may"); err != nil {
		t.Errorf("bob sends: %v", err)
	}
	waiting, enough := context.WithTimeout(t.Context(), time.Second)
	defer enough()
	if _, err := clients[1].Send(waiting, pair.Session, "one more"); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("alice sends once more: %v", err)
	}
}
