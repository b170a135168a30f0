package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/endpoints"
	"annal/pkg/events"
	"annal/pkg/projections/push"
)

func pushCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Show why notifications were brought or not, and try the devices of a user",
		Long:  "What the role push decided for a user, and whether a notification reaches their devices. docs/push.md says what reasons mean.",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(pushLogCommand(), pushTestCommand())
	return cmd
}

// errNoUser says whom a command is about.
var errNoUser = errors.New("--user: whom is it about?")

// pushTarget opens what is known of notifications.
func pushTarget(cmd *cobra.Command, engines *engineFlags, user string, keep time.Duration, use func(context.Context, app.OpenedPush) error) error {
	if !events.ValidName(user) {
		return errNoUser
	}
	if engines.target.Redis == "" || len(engines.target.Kafka) == 0 {
		if err := engines.resolve(); err != nil {
			return err
		}
	}
	opened, err := app.OpenPush(cmd.Context(), engines.target, keep)
	if err != nil {
		return err
	}
	defer opened.Close()
	return use(cmd.Context(), opened)
}

// The most that push log shows.
const (
	maxPushLog   = 10_000
	maxPushSince = 30 * 24 * time.Hour
)

func pushLogCommand() *cobra.Command {
	var engines engineFlags
	var user string
	var since time.Duration
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "log",
		Short:   "Show what was decided for a user: for each message, on which device, whether it was brought, and why",
		Long:    "Show the newest decisions, the oldest of them first. A line without a device is of the user: none of their devices was told. What is shown is kept for as long as the role was told (--push-log).",
		Example: "  annal push log --user bob\n  annal push log --user bob --since 24h --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case since <= 0 || since > maxPushSince:
				return fmt.Errorf("--since is more than 0, and %s at most", maxPushSince)
			case limit < 1 || limit > maxPushLog:
				return fmt.Errorf("--limit is 1 to %d", maxPushLog)
			}
			return pushTarget(cmd, &engines, user, max(since, push.LeastKeep), func(ctx context.Context, o app.OpenedPush) error {
				log, err := o.Store.Log(ctx, events.UserID(user), events.Millis(time.Now().Add(-since).UnixMilli()), limit)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(pushLines(log))
				}
				if len(log) == 0 {
					return noPushLog(ctx, cmd.OutOrStdout(), o, user, since)
				}
				return writePushLog(cmd.OutOrStdout(), log)
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "whom it is about")
	cmd.Flags().DurationVar(&since, "since", 6*time.Hour, "what happened so long ago at most")
	cmd.Flags().IntVarP(&limit, "limit", "n", 100, "how many, the newest")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON array")
	return cmd
}

// noPushLog says what may be the reason for nothing.
func noPushLog(ctx context.Context, w io.Writer, o app.OpenedPush, user string, since time.Duration) error {
	reach, err := o.View.Reach(ctx, events.NewSelfID(events.UserID(user)), []events.UserID{events.UserID(user)})
	if err != nil {
		return err
	}
	why := "nothing happened that they could have been told of, or role push does not run"
	if len(reach[events.UserID(user)].Devices) == 0 {
		why = "they have no device registered"
	}
	fmt.Fprintf(w, "Nothing was decided for %s in the last %s: %s.\n", user, since, why)
	return nil
}

type pushLine struct {
	ID        string           `json:"id"`
	AtMs      events.Millis    `json:"at_ms"`
	Session   events.SessionID `json:"session"`
	Seq       events.Seq       `json:"seq,string,omitempty"`
	Kind      push.Kind        `json:"kind"`
	Device    string           `json:"device,omitempty"`
	Service   string           `json:"service,omitempty"`
	Package   string           `json:"package,omitempty"`
	Reason    push.Reason      `json:"reason"`
	Code      string           `json:"code,omitempty"`
	VendorID  string           `json:"vendor_id,omitempty"`
	Attempts  int              `json:"attempts,omitempty"`
	Repeats   int              `json:"repeats,omitempty"`
	DecidedMs events.Millis    `json:"decided_ms"`
	SettledMs events.Millis    `json:"settled_ms,omitempty"`
}

func pushLines(log []push.Entry) []pushLine {
	lines := make([]pushLine, len(log))
	for i, e := range log {
		lines[i] = pushLine{e.ID, e.At, e.Session, e.Seq, e.Kind, e.Device, e.Service, e.Package, e.Reason, e.Code, e.VendorID, e.Attempts, e.Repeats, e.Decided, e.Settled}
	}
	return lines
}

func writePushLog(out io.Writer, log []push.Entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tSESSION\tSEQ\tKIND\tDEVICE\tSERVICE\tREASON\tAFTER\tCALLS\tCODE")
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	for _, e := range log {
		after, calls, seq := "-", "-", "-"
		if e.Settled > 0 {
			after = (time.Duration(e.Settled-e.At) * time.Millisecond).String()
		}
		if e.Attempts > 0 {
			calls = fmt.Sprint(e.Attempts)
		}
		if e.Seq > 0 {
			seq = fmt.Sprint(e.Seq)
		}
		at := time.UnixMilli(int64(e.At)).UTC().Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", at, e.Session, seq, e.Kind, dash(e.Device), dash(e.Service), e.Reason, after, calls, dash(e.Code))
	}
	return w.Flush()
}

// pushTestTime bounds a call to a service.
const pushTestTime = 15 * time.Second

func pushTestCommand() *cobra.Command {
	var engines engineFlags
	var user, device, apps string
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Send a notification to the devices of a user now, and say what each service answers",
		Long: "Send a notification that says that it is a test to each device of a user, or to one, whatever they want and wherever they are; nothing is noted, tried again or forgotten.\n" +
			"Services are asked from this machine, as --push-apps says (default: from the endpoints file). It fails when any did not take it.",
		Example: "  annal push test --user bob\n  annal push test --user bob --device phone --push-apps /etc/annal/push.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return pushTarget(cmd, &engines, user, push.LeastKeep, func(ctx context.Context, o app.OpenedPush) error {
				file, err := engines.pushApps(apps)
				if err != nil {
					return err
				}
				services, err := app.OpenPushApps(file, time.Now, slog.New(slog.DiscardHandler))
				if err != nil {
					return err
				}
				return tryDevices(ctx, cmd.OutOrStdout(), o, services, events.UserID(user), device)
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "whose devices")
	cmd.Flags().StringVar(&device, "device", "", "this one alone")
	cmd.Flags().StringVar(&apps, "push-apps", "", "file of the apps and their credentials (default: from the endpoints file)")
	return cmd
}

// errNotTaken says that a test failed.
var errNotTaken = errors.New("not every device was told")

func tryDevices(ctx context.Context, out io.Writer, o app.OpenedPush, services push.Services, user events.UserID, only string) error {
	reach, err := o.View.Reach(ctx, events.NewSelfID(user), []events.UserID{user})
	if err != nil {
		return err
	}
	devices := reach[user].Devices
	style, err := app.DefaultPush().Style()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tSERVICE\tPACKAGE\tRESULT\tCODE\tTEXT")
	tried, failed := 0, 0
	for _, id := range slices.Sorted(maps.Keys(devices)) {
		if only != "" && id != only {
			continue
		}
		tried++
		answer := try(ctx, o, services, &style, user, id, devices[id].Push)
		if answer.Result != push.Delivered {
			failed++
		}
		p := devices[id].Push
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", id, p.Service, p.Package, answer.Result, answer.Code, answer.Text)
	}
	switch err := w.Flush(); {
	case err != nil:
		return err
	case tried == 0 && only != "":
		return fmt.Errorf("%s has no device %s registered", user, only)
	case tried == 0:
		return fmt.Errorf("%s has no device registered: a client does that with set_device", user)
	case failed > 0:
		return errNotTaken
	}
	return nil
}

// try brings a test to a device, or says why it is not brought.
func try(ctx context.Context, o app.OpenedPush, services push.Services, style *push.Style, user events.UserID, id string, p events.PushToken) push.Answer {
	service, known := services.Of(push.App{Service: p.Service, Package: p.Package})
	switch {
	case p.Token == "":
		return push.Answer{Result: push.Refused, Code: string(push.NoToken)}
	case !known:
		return push.Answer{Result: push.Refused, Code: string(push.NotConfigured), Text: "--push-apps has no such app"}
	}
	holders, err := o.View.Holders(ctx, []events.PushToken{p})
	if err != nil {
		return push.Answer{Result: push.Retry, Text: err.Error()}
	}
	if !holders[0].Holds(user, id) {
		return push.Answer{Result: push.Refused, Code: string(push.TokenMoved)}
	}
	ctx, cancel := context.WithTimeout(ctx, pushTestTime)
	defer cancel()
	return service.Send(ctx, []push.Letter{style.Trial(user, id, p, time.Now())})[0]
}

// pushApps is the file of apps that was given, or that the endpoints file names.
func (e *engineFlags) pushApps(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	f, err := endpoints.Read(e.file)
	if err != nil {
		return "", err
	}
	if f.PushApps == "" {
		return "", fmt.Errorf("%s names no apps: give --push-apps", e.file)
	}
	return f.PushApps, nil
}
