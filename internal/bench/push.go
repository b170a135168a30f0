package bench

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/app"
	"annal/internal/devstack/pushfakes"
	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/push"
)

// PushOptions are what Push is told.
type PushOptions struct {
	Executable string
	// Service is the vendor whose stand-in takes the notifications.
	Service string
	// Span is how long each measurement takes.
	Span     time.Duration
	Progress func(Figure)
}

const (
	// pushPeople are in each group that is spoken in; pushBrought messages are said where all are told, pushAgainst where nobody is.
	pushPeople  = 200
	pushBrought = 150
	// pushTogether are said before all are told of those before: of more, some would give way to newer ones.
	pushTogether = 4
	pushAgainst  = 1500
	// pushEvery is how far apart messages are whose latency is measured.
	pushEvery = 20 * time.Millisecond
	// pushTimeout bounds waiting for what was said to be dealt with.
	pushTimeout = 3 * time.Minute
	pushApp     = "bench.annal"
)

// pushBench is a deployment with the role push in a process of its own, without the hold, and stand-ins of services in this one.
type pushBench struct {
	*stack
	PushOptions
	standIns *app.PushStandIns
	fake     *pushfakes.Server
	apps     string
	role     *server
	client   *client.Client
}

// Push measures notifications on a real Kafka and Redis: from a client's send to the service having it, and how many are decided and brought by how much of a
// processor. In the same run: what the service takes from its connector alone.
func Push(ctx context.Context, o PushOptions) (err error) {
	b := &pushBench{PushOptions: o}
	if b.stack, err = startStack(ctx, o.Executable); b.stack != nil {
		defer func() { err = errors.Join(err, b.stack.stop()) }()
	}
	if err != nil {
		return err
	}
	if b.standIns, err = app.StartPushStandIns(pushApp); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.standIns.Close()) }()
	i := slices.IndexFunc(b.standIns.Servers, func(s *pushfakes.Server) bool { return s.Name() == o.Service })
	if i < 0 {
		return fmt.Errorf("bench: there is no service %q", o.Service)
	}
	b.fake, b.apps = b.standIns.Servers[i], filepath.Join(b.dir, "push.yaml")
	if err := b.standIns.WriteApps(b.apps, pushApp); err != nil {
		return err
	}
	if err := b.floor(ctx); err != nil {
		return err
	}
	if b.role, err = b.launch(ctx, "push", "--push-apps", b.apps, "--push-hold", "0s"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.role.stop()) }()
	if err := b.connect(ctx); err != nil {
		return err
	}
	defer b.client.Close()
	if err := b.latency(ctx); err != nil {
		return err
	}
	if err := b.throughput(ctx, "brought", pushBrought, pushTogether, nil); err != nil {
		return err
	}
	return b.throughput(ctx, "decided against", pushAgainst, pushAgainst, &logv1.Notifications{Messages: logv1.NotifiedMessages_NOTIFIED_MESSAGES_NONE})
}

func (b *pushBench) tell(name string, value float64, unit string) {
	b.Progress(Figure{name, value, unit})
}

func (b *pushBench) connect(ctx context.Context) (err error) {
	now := time.Now()
	token, err := auth.Issue(b.key, auth.Identity{User: "bench", Service: "bench", Expires: now.Add(idleTokenTTL)}, now)
	if err != nil {
		return err
	}
	b.client, err = client.Dial(ctx, client.Options{URL: b.core.at.WS, Token: client.StaticToken(token), Device: "bench"})
	return err
}

// floor measures the service's connector alone, as many calls at once as it may have.
func (b *pushBench) floor(ctx context.Context) error {
	apps, err := app.OpenPushApps(b.apps, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	service, ok := apps.Of(push.App{Service: b.Service, Package: pushApp})
	if !ok {
		return fmt.Errorf("bench: the app is not in %s", b.apps)
	}
	style, err := app.DefaultPush().Style()
	if err != nil {
		return err
	}
	var sent, failed atomic.Int64
	var callers sync.WaitGroup
	until := time.Now().Add(b.Span)
	for range min(32, service.Abilities().AtOnce) {
		token := b.fake.Token(b.fake.URL)
		callers.Go(func() {
			for i := 0; time.Now().Before(until); i++ {
				l := style.Trial("bench", strconv.Itoa(i), events.PushToken{Service: b.Service, Package: pushApp, Token: token}, time.Now())
				if service.Send(ctx, []push.Letter{l})[0].Result != push.Delivered {
					failed.Add(1)
				}
				sent.Add(1)
			}
		})
	}
	callers.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("bench: the service refused %d", n)
	}
	b.tell("calls of the service by its connector alone", float64(sent.Load())/b.Span.Seconds(), "/s")
	return nil
}

// register has a person's device notified, and gives its phone.
func (b *pushBench) register(ctx context.Context, user string, wants *logv1.Notifications) (pushfakes.Phone, error) {
	// With a connection of their own, which opens their own session; they are away once it is closed.
	bearer, err := b.token(user)
	if err != nil {
		return pushfakes.Phone{}, err
	}
	c, err := client.Dial(ctx, client.Options{URL: b.core.at.WS, Token: client.StaticToken(bearer), Device: "phone"})
	if err != nil {
		return pushfakes.Phone{}, err
	}
	defer c.Close()
	token := b.fake.Token(b.fake.URL)
	_, err = c.SetDevice(ctx, "phone", &logv1.PushToken{Service: b.Service, Package: pushApp, Token: token})
	if err == nil && wants != nil {
		_, err = c.Do(ctx, client.SetNotifications{Notifications: wants})
	}
	return pushfakes.Phone{Service: b.Service, Package: pushApp, Token: token}, err
}

// latency measures from the send to the service having the notification, one message after another.
func (b *pushBench) latency(ctx context.Context) error {
	phone, err := b.register(ctx, "bob", nil)
	if err != nil {
		return err
	}
	ack, err := b.client.Do(ctx, client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: "bob"}}}, client.AsUser("alice"))
	if err != nil {
		return err
	}
	began, sent := time.Now(), 0
	due := map[string]time.Time{}
	var failed error
	var mu sync.Mutex
	history, _ := b.standIns.Phones.History(0)
	from := len(history)
	for at := began; at.Before(began.Add(b.Span)); at = at.Add(pushEvery) {
		if err := pauseUntil(ctx, at); err != nil {
			return err
		}
		text := fmt.Sprint("message ", sent)
		due[text] = time.Now()
		sent++
		b.client.Go(ctx, client.Send{Session: ack.Session, Text: text}, func(_ client.Ack, err error) {
			mu.Lock()
			defer mu.Unlock()
			failed = cmp.Or(failed, err)
		}, client.AsUser("alice"))
	}
	took := make([]time.Duration, 0, sent)
	err = b.came(ctx, from, sent, func(e *pushfakes.Event) {
		if e.Phone == phone {
			took = append(took, e.Shown.At.Sub(due[e.Shown.Body]))
		}
	})
	mu.Lock()
	defer mu.Unlock()
	if err = cmp.Or(failed, err); err != nil {
		return err
	}
	slices.Sort(took)
	for _, q := range []float64{0.5, 0.99} {
		b.tell(fmt.Sprintf("from send to the service, %.0f/s, p%.0f", 1/pushEvery.Seconds(), 100*q), float64(took[int(q*float64(len(took)-1))].Microseconds())/1000, "ms")
	}
	return nil
}

// came waits for n notifications to be shown from an event on.
func (b *pushBench) came(ctx context.Context, from, n int, each func(*pushfakes.Event)) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	for shown := 0; ; {
		history, more := b.standIns.Phones.History(from)
		for i := range history {
			if history[i].What == "show" {
				shown++
				each(&history[i])
			}
		}
		from += len(history)
		if shown >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("bench: %d of %d notifications came: %w", shown, n, ctx.Err())
		}
	}
}

// throughput has much said at once in a group of people who want the same, and tells how long it took, and how much of a processor.
func (b *pushBench) throughput(ctx context.Context, what string, messages, together int, wants *logv1.Notifications) error {
	var all []*logv1.NewMember
	for i := range pushPeople {
		user := fmt.Sprintf("%s-%d", strings.ReplaceAll(what, " ", "-"), i)
		if _, err := b.register(ctx, user, wants); err != nil {
			return err
		}
		all = append(all, &logv1.NewMember{User: user})
	}
	ack, err := b.client.Do(ctx, client.Create{Kind: logv1.Kind_KIND_GROUP, Name: "bench", Members: all}, client.AsUser("alice"))
	if err != nil {
		return err
	}
	before, err := b.decided(ctx)
	if err != nil {
		return err
	}
	cpu, err := cpuSeconds(b.role.cmd.Process.Pid)
	if err != nil {
		return err
	}
	began := time.Now()
	n := float64(pushPeople * messages)
	for said := 0; said < messages; {
		for range min(together, messages-said) {
			b.client.Go(ctx, client.Send{Session: ack.Session, Text: fmt.Sprint("message ", said)}, func(client.Ack, error) {}, client.AsUser("alice"))
			said++
		}
		for done := 0.0; done < float64(pushPeople*said); {
			if time.Since(began) > pushTimeout {
				return fmt.Errorf("bench: %.0f of %.0f were decided in %s", done, n, pushTimeout)
			}
			if err := pauseUntil(ctx, time.Now().Add(pushEvery)); err != nil {
				return err
			}
			now, err := b.decided(ctx)
			if err != nil {
				return err
			}
			done = now - before
		}
	}
	took := time.Since(began).Seconds()
	after, err := cpuSeconds(b.role.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.tell(fmt.Sprintf("%s, to %d people at once, Kafka, Redis and services on the same machine", what, pushPeople), n/took, "/s")
	b.tell(what+", for each second that the role ran on a core", n/(after-cpu), "/s")
	return nil
}

// decided is how many notifications are done with.
func (b *pushBench) decided(ctx context.Context) (n float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.role.at.HTTP+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "annal_push_decisions_total{") && strings.Contains(lines.Text(), `kind="message"`) {
			value, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
			if err != nil {
				return 0, fmt.Errorf("bench: %w", err)
			}
			n += value
		}
	}
	return n, lines.Err()
}
