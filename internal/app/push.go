package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"annal/pkg/connectors/redis"
	"annal/pkg/presence"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/push"
)

// Push is what the role push is told.
type Push struct {
	// Apps is the file of the apps that notifications are for, and their credentials (OpenPushApps).
	Apps string
	// Hold is how long a message waits before anybody is told.
	Hold time.Duration
	// Name is the title of notifications that may not say whom they are from, and Link where notifications lead: {session}, {seq} and {kind} are replaced.
	Name, Link string
	// Keep is for how long a message is worth showing on a phone that was off, and LogKeep for how long it is kept what was decided.
	Keep, LogKeep time.Duration
	// Texts is a folder of texts that go before ours; empty: none.
	Texts string
}

// DefaultPush is where nothing else is said.
func DefaultPush() Push {
	return Push{Hold: 2 * time.Second, Name: "Annal", Keep: 24 * time.Hour, LogKeep: 6 * time.Hour}
}

// Bind makes flags of the settings.
func (p *Push) Bind(f *pflag.FlagSet) {
	f.StringVar(&p.Apps, "push-apps", p.Apps, "file of the apps that are notified and their credentials, read again when it is replaced (YAML; docs/push.md) (role push)")
	f.DurationVar(&p.Hold, "push-hold", p.Hold, "how long a message waits before anybody is notified, so that reading it elsewhere does away with that; 0 to 1m (role push)")
	f.StringVar(&p.Name, "push-name", p.Name, "title of notifications that may not say whom they are from (role push)")
	f.StringVar(&p.Link, "push-link", p.Link, "where a notification leads, https://chat.example/{session}/{seq} (role push)")
	f.DurationVar(&p.Keep, "push-keep", p.Keep, "for how long a message is worth showing on a phone that was off (role push)")
	f.DurationVar(&p.LogKeep, "push-log", p.LogKeep, "for how long it is kept what was decided, for annal push log; 30m to 30 days (role push)")
	f.StringVar(&p.Texts, "push-texts", p.Texts, "folder of texts that go before ours, a file a language (docs/push.md) (role push)")
}

// ErrNoPushApps says that the role push has nobody to tell.
var ErrNoPushApps = errors.New("app: --push-apps is missing: role push needs the apps that are notified")

// ErrPushLog is of --push-log.
var ErrPushLog = fmt.Errorf("app: --push-log is %s at least, and 30 days at most", push.LeastKeep)

// Validate refuses what can't work, but for Apps, which are looked at when they are opened. Errors name the setting.
func (p Push) Validate() error {
	if p.LogKeep < push.LeastKeep || p.LogKeep > 30*24*time.Hour {
		return ErrPushLog
	}
	style, err := p.Style()
	if err != nil {
		return err
	}
	o := push.Options{Hold: p.Hold, Style: style}
	err = o.Validate()
	for of, flag := range map[error]string{push.ErrHold: "hold", push.ErrKeep: "keep", push.ErrName: "name", push.ErrLink: "link"} {
		if errors.Is(err, of) {
			return fmt.Errorf("app: --push-%s: %w", flag, err)
		}
	}
	return err
}

// Style is how notifications look. Errors: those of push.NewTexts.
func (p Push) Style() (push.Style, error) {
	var over fs.FS
	if p.Texts != "" {
		over = os.DirFS(p.Texts)
	}
	texts, err := push.NewTexts(over)
	if err != nil {
		return push.Style{}, fmt.Errorf("app: --push-texts: %s: %w", p.Texts, err)
	}
	return push.Style{Name: p.Name, Link: p.Link, Keep: p.Keep, Texts: texts}, nil
}

func (p *process) openPush(ctx context.Context) error {
	apps, err := OpenPushApps(p.config.Push.Apps, time.Now, p.config.Log.With("role", RolePush))
	if err != nil {
		return err
	}
	style, err := p.config.Push.Style()
	if err != nil {
		return err
	}
	r, err := p.openRedis(ctx)
	if err != nil {
		return err
	}
	store, err := r.Push(p.config.Push.LogKeep)
	if err != nil {
		return err
	}
	member, err := p.member(RolePush)
	if err != nil {
		return err
	}
	projector, err := push.New(push.Options{
		View: PushView{r.Reader()}, Presence: presence.NewLookup(r.Presence(), presence.Fresh), Store: store, Services: apps,
		Forget: push.ForgetIn(p.log, p.source(RolePush)), Hold: p.config.Push.Hold, Style: style, Logger: p.config.Log.With("role", RolePush),
		Metrics: push.NewMetrics(p.metrics),
	})
	if err != nil {
		return err
	}
	f, err := follow.New(ctx, follow.Options{
		Log: p.log, Group: push.Group, Role: RolePush, Instance: member, CommitEvery: time.Second, Handler: projector,
		Begin: follow.AtEnd(), BeginAgain: true, TellTrouble: true, Logger: p.config.Log, Metrics: follow.NewMetrics(p.metrics, RolePush),
	})
	if err != nil {
		return err
	}
	p.ready.Add(RolePush, f.Ready)
	metrics := NewPushAppsMetrics(p.metrics)
	p.roles = append(p.roles, role{RolePush, func(ctx context.Context) error {
		defer projector.Close()
		var watching sync.WaitGroup
		defer watching.Wait()
		ctx, end := context.WithCancel(ctx)
		defer end()
		watching.Go(func() { apps.Watch(ctx, metrics) })
		return f.Run(ctx)
	}})
	return nil
}

// OpenedPush is what is known of notifications, for a tool.
type OpenedPush struct {
	Store push.Store
	View  push.View
	Opened
}

// OpenPush opens a target's; entries that are kept for less than keep are not looked for beyond.
func OpenPush(ctx context.Context, t Target, keep time.Duration) (OpenedPush, error) {
	o, err := Open(ctx, t)
	if err != nil {
		return OpenedPush{}, err
	}
	r, is := o.Store.(*redis.Redis)
	if !is {
		o.Close()
		return OpenedPush{}, ErrNoRedis
	}
	store, err := r.Push(keep)
	if err != nil {
		o.Close()
		return OpenedPush{}, err
	}
	return OpenedPush{Store: store, View: PushView{o.View}, Opened: o}, nil
}
