package main

import (
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
	open, err := r.way(ctx)
	if err != nil {
		return err
	}
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

// way gives what makes a way for each scenario, and ends it.
func (r *scenarioRun) way(ctx context.Context) (open func() (scenario.Way, func()), err error) {
	if r.rules {
		return func() (scenario.Way, func()) { return scenario.NewRules(), func() {} }, nil
	}
	d := &live.Deployment{MaxWait: r.maxWait}
	request := app.TokenRequest{KeyFile: r.key}
	for i, path := range r.files {
		f, err := endpoints.Read(path)
		if err != nil {
			return nil, err
		}
		if f.WS == "" {
			return nil, fmt.Errorf("%s names no gateway", path)
		}
		d.URLs = append(d.URLs, f.WS)
		if i == 0 {
			request.Data = f.Data
			d.Check = checker(f)
		}
	}
	d.Sign = func(user string, ttl time.Duration, service bool) (string, error) {
		one := request
		one.User, one.TTL = user, ttl
		if service {
			one.Service = "scenario"
		}
		return app.IssueToken(one)
	}
	if _, err := d.Sign("somebody", time.Minute, false); err != nil {
		return nil, err
	}
	return func() (scenario.Way, func()) {
		way := scenario.NewSystem(d)
		return way, way.Close
	}, ctx.Err()
}

// checker compares the view with the log, where the endpoints say where they are.
func checker(f endpoints.File) func(context.Context) (string, error) {
	if len(f.Kafka) == 0 || f.Redis == "" {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		opened, err := app.Open(ctx, app.Target{Kafka: f.Kafka, Redis: f.Redis, Prefix: f.Prefix, Cluster: f.Cluster, Embedded: f.Embedded})
		if err != nil {
			return "", err
		}
		defer opened.Close()
		var report fold.Report
		sessions, err := fold.Log(ctx, opened.Log, &report)
		if err == nil {
			err = fold.Compare(ctx, opened.View, opened.Window, sessions, &report)
		}
		if err != nil || report.Found == 0 {
			return "", err
		}
		return report.Problems[0], nil
	}
}
