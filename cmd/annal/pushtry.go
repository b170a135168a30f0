package main

import (
	"context"
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

// pushTestTime bounds a call to a service.
const pushTestTime = 15 * time.Second

func pushTestCommand() *cobra.Command {
	var engines engineFlags
	var user, device string
	settings := app.DefaultPush()
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Send a notification to the devices of a user now, and say what each service answers",
		Long: "Send a notification that says that it is a test to each device of a user, or to one, whatever they want and wherever they are; nothing is noted, tried again or forgotten.\n" +
			"Services are asked from this machine, as --push-apps says (default: from the endpoints file); what it says comes from --push-name and --push-texts. It fails when any did not take it.",
		Example: "  annal push test --user bob\n  annal push test --user bob --device phone --push-apps /etc/annal/push.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Validate(); err != nil {
				return err
			}
			return pushTarget(cmd, &engines, user, push.LeastKeep, func(ctx context.Context, o app.OpenedPush) error {
				file, err := engines.pushApps(settings.Apps)
				if err != nil {
					return err
				}
				services, err := app.OpenPushApps(file, time.Now, slog.New(slog.DiscardHandler))
				if err != nil {
					return err
				}
				style, err := settings.Style()
				if err != nil {
					return err
				}
				return tryDevices(ctx, cmd.OutOrStdout(), pushTrial{o.View, services, style}, events.UserID(user), device)
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "whose devices")
	cmd.Flags().StringVar(&device, "device", "", "this one alone")
	cmd.Flags().StringVar(&settings.Apps, "push-apps", "", "file of the apps and their credentials (default: from the endpoints file)")
	cmd.Flags().StringVar(&settings.Name, "push-name", settings.Name, "title of the notification, as role push has it")
	cmd.Flags().StringVar(&settings.Texts, "push-texts", "", "folder of texts that go before ours, as role push has it")
	return cmd
}

// errNotTaken says that a test failed.
var errNotTaken = errors.New("not every device was told")

// pushTrial is what devices are tried with.
type pushTrial struct {
	view     push.View
	services push.Services
	style    push.Style
}

func tryDevices(ctx context.Context, out io.Writer, t pushTrial, user events.UserID, only string) error {
	reach, err := t.view.Reach(ctx, events.NewSelfID(user), []events.UserID{user})
	if err != nil {
		return err
	}
	devices := reach[user].Devices
	ids := slices.Sorted(maps.Keys(devices))
	if only != "" {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id != only })
	}
	switch {
	case len(ids) == 0 && only != "":
		return fmt.Errorf("%s has no device %s registered", user, only)
	case len(ids) == 0:
		return fmt.Errorf("%s has no device registered: a client does that with set_device", user)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tSERVICE\tPACKAGE\tRESULT\tCODE\tTEXT")
	failed := 0
	for _, id := range ids {
		p := devices[id].Push
		answer := t.try(ctx, user, id, p)
		if answer.Result != push.Delivered {
			failed++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", id, plain(p.Service), plain(p.Package), answer.Result, plain(answer.Code), plain(answer.Text))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return errNotTaken
	}
	return nil
}

// try brings a test to a device, or says why it is not brought.
func (t *pushTrial) try(ctx context.Context, user events.UserID, id string, p events.PushToken) push.Answer {
	service, known := t.services.Of(push.App{Service: p.Service, Package: p.Package})
	switch {
	case p.Token == "":
		return push.Answer{Result: push.Refused, Code: string(push.NoToken)}
	case !known:
		return push.Answer{Result: push.Refused, Code: string(push.NotConfigured), Text: "--push-apps has no such app"}
	}
	holders, err := t.view.Holders(ctx, []events.PushToken{p})
	if err != nil {
		return push.Answer{Result: push.Retry, Text: err.Error()}
	}
	if !holders[0].Holds(user, id) {
		return push.Answer{Result: push.Refused, Code: string(push.TokenMoved)}
	}
	ctx, cancel := context.WithTimeout(ctx, pushTestTime)
	defer cancel()
	return service.Send(ctx, []push.Letter{t.style.Trial(user, id, p, time.Now())})[0]
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
