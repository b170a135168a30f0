package pushkill

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/internal/app"
	"annal/internal/pushkill/check"
	"annal/pkg/client"
	"annal/pkg/gateway/protocol"
)

// world is a deployment, the people, and what they did.
type world struct {
	*plan
	deployment *annaltest.Deployment
	standIns   *app.PushStandIns
	gateway    string
	// service speaks for everybody who says something.
	service *client.Client
	began   time.Time
	// living ends with the test, and with it those who listen.
	living    context.Context
	listening sync.WaitGroup
	// rising is held while a process is started again.
	rising sync.Mutex

	mu       sync.Mutex
	clients  []*client.Client
	messages []*check.Message
	reads    []check.Read
	failed   error
}

// pushes are the processes that are killed.
var pushes = []string{"push-1", "push-2"}

// begin starts everything, and has people come, register, meet, and go where they are.
func begin(t *testing.T) *world {
	t.Helper()
	w := &world{began: time.Now()}
	var err error
	if w.standIns, err = app.StartPushStandIns(pushed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.standIns.Close(); err != nil {
			t.Error(err)
		}
	})
	apps := filepath.Join(t.TempDir(), "apps.yaml")
	if err := w.standIns.WriteApps(apps, pushed); err != nil {
		t.Fatal(err)
	}
	w.plan = newPlan(*seed, *people, w.standIns)
	w.deployment = annaltest.NewDeployment(t)
	for _, name := range pushes {
		w.deployment.Launch(t, name, "--push-apps", apps)
	}
	w.deployment.Serve(t, "sequencer", "hot", "gateway", "steward")
	for _, name := range pushes {
		w.deployment.Roles[name].AwaitReady(t)
	}
	w.gateway = w.deployment.Roles["gateway"].At.WS
	for _, one := range w.people {
		one.token = w.deployment.Token(t, one.name)
	}
	var leave context.CancelFunc
	w.living, leave = context.WithCancel(t.Context())
	t.Cleanup(func() {
		leave()
		w.listening.Wait()
		for _, c := range w.clients {
			c.Close()
		}
	})
	if w.service, err = w.dial(w.living, w.deployment.ServiceToken(t), "service"); err != nil {
		t.Fatal(err)
	}
	w.clients = append(w.clients, w.service)
	if err := w.gather(w.living); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) dial(ctx context.Context, token, device string) (*client.Client, error) {
	return client.Dial(ctx, client.Options{URL: w.gateway, Token: client.StaticToken(token), Device: device, Codec: protocol.ProtoCodec})
}

// atOnce is how many do something at a time.
const atOnce = 16

// gather has everybody register, and all sessions made; then those come who are there.
func (w *world) gather(ctx context.Context) error {
	if err := each(ctx, w.people, w.register); err != nil {
		return err
	}
	if err := each(ctx, w.sessions, w.create); err != nil {
		return err
	}
	// The dice are one's at a time.
	for _, s := range w.sessions {
		for _, one := range s.members {
			one.Muted[s.id] = w.dice.IntN(30) == 0
		}
	}
	return each(ctx, w.people, w.come)
}

// each does something for all, some at a time.
func each[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	group, doing := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, one := range all {
		group.Go(func() error { return do(doing, one) })
	}
	return group.Wait()
}

// register comes for the first time, which opens one's own session, and says where and of what to be told.
func (w *world) register(ctx context.Context, one *person) error {
	c, err := w.dial(ctx, one.token, laptop)
	if err != nil {
		return err
	}
	defer c.Close()
	for device, phone := range one.Phones {
		if _, err := c.SetDevice(ctx, device, &logv1.PushToken{Service: phone.Service, Package: pushed, Token: phone.Token}); err != nil {
			return fmt.Errorf("%s registers %s: %w", one.name, device, err)
		}
	}
	wants := &logv1.Notifications{}
	switch one.Wants {
	case check.All:
	case check.Mentions:
		wants.Messages = logv1.NotifiedMessages_NOTIFIED_MESSAGES_MENTIONS
	case check.None:
		wants.Messages = logv1.NotifiedMessages_NOTIFIED_MESSAGES_NONE
	}
	if one.Others {
		wants.Active = logv1.WhileActive_WHILE_ACTIVE_OTHERS
	}
	_, err = c.SetNotifications(ctx, wants)
	return err
}

func (w *world) create(ctx context.Context, s *session) error {
	op := client.Create{Kind: logv1.Kind_KIND_DIRECT}
	if !s.direct() {
		op.Kind, op.Name = logv1.Kind_KIND_GROUP, "group"
	}
	for _, one := range s.members[1:] {
		op.Members = append(op.Members, &logv1.NewMember{User: one.name})
	}
	ack, err := w.service.Do(ctx, op, client.AsUser(s.members[0].name))
	if err != nil {
		return fmt.Errorf("%s meets others: %w", s.members[0].name, err)
	}
	s.id = ack.GetSession()
	return nil
}

// farAway is when no test runs any more.
const farAway = 24 * time.Hour

// come mutes what is to be muted; and who is not offline comes, and does what they do.
func (w *world) come(ctx context.Context, one *person) error {
	until := time.Now().Add(farAway).UnixMilli()
	for _, s := range one.sessions {
		if !one.Muted[s.id] {
			continue
		}
		op := client.SetSession{Session: s.id, Settings: &logv1.SessionSettings{MuteUntilMs: &until}}
		if _, err := w.service.Do(ctx, op, client.AsUser(one.name)); err != nil {
			return fmt.Errorf("%s mutes %s: %w", one.name, s.id, err)
		}
	}
	if one.habit == offline {
		return nil
	}
	c, err := w.dial(ctx, one.token, one.On)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.clients = append(w.clients, c)
	w.mu.Unlock()
	c.SetAway(one.Away)
	if one.habit != reads && one.habit != dawdles {
		return nil
	}
	return w.listen(ctx, one, c)
}
