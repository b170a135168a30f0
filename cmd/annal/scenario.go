package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/endpoints"
	"annal/internal/fold"
	"annal/internal/scenario"
	"annal/internal/scenario/live"
	"annal/pkg/events"
)

func scenarioCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenario",
		Short: "Run scenarios: stories in text, with what everybody is to be shown",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(scenarioRunCommand())
	return cmd
}

// scenarioRun are the command's flags.
type scenarioRun struct {
	files   []string // endpoints files
	key     string
	maxWait time.Duration
	rules   bool
	json    bool
	only    string
	// phones is where stand-ins of push services are; empty: at the first endpoints file's server, if it has some.
	phones string
	// clickhouse is where the archive is; the endpoints name it where nothing else does.
	clickhouse app.ClickHouse
}

func scenarioRunCommand() *cobra.Command {
	r := &scenarioRun{}
	cmd := &cobra.Command{
		Use:   "run FILE...",
		Short: "Run scenario files on a live deployment, or against the rules alone",
		Long: "Run the scenarios of files on the deployment of --endpoints (once for each gateway), with people and\n" +
			"sessions of their own, or with --rules against the rules alone, without any deployment. People's tokens\n" +
			"are signed by --key, or by the development key that the endpoints file points to. Steps that need a\n" +
			"hand on processes or engines, or waits of over --max-wait, end a scenario as not run, with the reason.\n" +
			"The language: docs/scenarios.md. The exit status is 1 when a scenario failed.",
		Example: "  annal scenario run scenarios/*.txt\n  annal scenario run --rules scenarios/F03_revoke_target.txt\n  annal scenario run --endpoints a.json --endpoints b.json --key signing.json --json scenarios/*.txt",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), args, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&r.files, "endpoints", []string{defaultEndpoints}, "a gateway's endpoints file; may be given several times")
	f.StringVar(&r.key, "key", "", "the signing key's file (default: the development key)")
	f.DurationVar(&r.maxWait, "max-wait", 5*time.Second, "the longest wait of a step that is waited out")
	f.BoolVar(&r.rules, "rules", false, "run against the rules alone")
	f.BoolVar(&r.json, "json", false, `print {"scenarios","steps","passed","failed","not_run"} only; the rest goes to standard error`)
	bindClickHouse(f, &r.clickhouse, " (default: from the first endpoints file)")
	f.StringVar(&r.phones, "phones", "", "the URL of stand-ins of push services (default: the first endpoints file's server, if it has some, as annal dev has)")
	f.StringVar(&r.only, "only", "", "run only scenarios whose file or name has this in it")
	cmd.MarkFlagsMutuallyExclusive("rules", "endpoints")
	return cmd
}

// errScenarios says that scenarios failed.
var errScenarios = errors.New("not all is as the scenarios say")

func (r *scenarioRun) run(ctx context.Context, files []string, out io.Writer) error {
	all, err := readScenarios(files)
	if err != nil {
		return err
	}
	open, end, err := r.way(ctx)
	if err != nil {
		return err
	}
	defer end()
	told := out
	if r.json {
		told = os.Stderr
	}
	var report scenario.Report
	for i := range all {
		if !strings.Contains(all[i].File+" "+all[i].Name, r.only) {
			continue
		}
		way, done := open()
		// People of earlier runs are other people.
		result := scenario.Run(ctx, &all[i], way, "sc"+strings.ToLower(rand.Text()[:10])+"-")
		done()
		scenario.WriteResult(told, &result)
		report.Add(result)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("interrupted after %s: %w", report.Summary(), err)
		}
	}
	if r.json {
		err = report.WriteJSON(out)
	} else {
		fmt.Fprintln(out, report.Summary())
	}
	if err == nil && report.Failed > 0 {
		err = errScenarios
	}
	return err
}

func readScenarios(files []string) ([]scenario.Scenario, error) {
	var all []scenario.Scenario
	var errs []error
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		some, err := scenario.Parse(filepath.Base(f), string(content))
		errs = append(errs, err)
		all = append(all, some...)
	}
	return all, errors.Join(errs...)
}

// way gives what makes a way for each scenario, and ends it; and what ends all.
func (r *scenarioRun) way(ctx context.Context) (open func() (scenario.Way, func()), end func(), err error) {
	if r.rules {
		return func() (scenario.Way, func()) { return scenario.NewRules(), func() {} }, func() {}, nil
	}
	d := &live.Deployment{MaxWait: r.maxWait}
	request := app.TokenRequest{KeyFile: r.key}
	var target app.Target
	for i, path := range r.files {
		f, err := endpoints.Read(path)
		if err != nil {
			return nil, nil, err
		}
		if f.WS == "" {
			return nil, nil, fmt.Errorf("%s names no gateway", path)
		}
		d.URLs = append(d.URLs, f.WS)
		if i == 0 {
			request.Data, target = f.Data, targetOf(f, r.clickhouse)
			at := &live.StandIns{URL: cmp.Or(r.phones, f.HTTP), App: app.DevPackage}
			if r.phones != "" || at.There(ctx) {
				d.StandIns = at
			}
		}
	}
	d.Sign = func(c scenario.Claims) (string, error) {
		one := request
		one.User, one.TTL, one.Login, one.Device, one.Scopes = c.User, c.Life, c.Login, c.Device, c.Scopes
		if c.Service {
			one.Service = "scenario"
		}
		return app.IssueToken(one)
	}
	if _, err := d.Sign(scenario.Claims{User: "somebody", Life: time.Minute}); err != nil {
		return nil, nil, err
	}
	if end, err = checks(ctx, d, target); err != nil {
		return nil, nil, err
	}
	return func() (scenario.Way, func()) {
		way := scenario.NewSystem(d)
		return way, way.Close
	}, end, ctx.Err()
}

// checks has the deployment's view and archive looked at, as far as it is known where they are.
func checks(ctx context.Context, d *live.Deployment, t app.Target) (end func(), err error) {
	hot, archive := t, t
	hot.ClickHouse, archive.Redis = app.ClickHouse{}, ""
	if len(t.Kafka) > 0 && t.Redis != "" {
		d.Check = checker(hot, func(ctx context.Context, o app.Opened, sessions map[events.SessionID]*fold.Session, report *fold.Report) error {
			return fold.Compare(ctx, o.View, o.Window, sessions, report)
		})
	}
	if len(t.Kafka) == 0 || t.ClickHouse.URL == "" {
		return func() {}, nil
	}
	d.CheckArchive = checker(archive, func(ctx context.Context, o app.Opened, sessions map[events.SessionID]*fold.Session, report *fold.Report) error {
		return fold.CompareArchive(ctx, o.Archive, sessions, report)
	})
	opened, err := app.Open(ctx, archive)
	if err != nil {
		return nil, err
	}
	d.Archived = opened.Archive
	return opened.Close, nil
}

// checker compares what is opened with a fold of the log, and says what differs.
func checker(
	t app.Target, compare func(context.Context, app.Opened, map[events.SessionID]*fold.Session, *fold.Report) error,
) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		opened, err := app.Open(ctx, t)
		if err != nil {
			return "", err
		}
		defer opened.Close()
		var report fold.Report
		sessions, err := fold.Log(ctx, opened.Log, &report)
		if err == nil {
			err = compare(ctx, opened, sessions, &report)
		}
		if err != nil || report.Found == 0 {
			return "", err
		}
		return report.Problems[0], nil
	}
}
