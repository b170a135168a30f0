package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/freshness"
	"annal/pkg/audit"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/vault"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show what was, check that it was so, and export it for others to check",
		Long: "Every read is noted in the log before anything is shown: who looked (--auditor), at what, and why (--reason).\n" +
			"If it cannot be noted, nothing is shown.",
	}
	cmd.AddCommand(auditAtCommand(), auditHistoryCommand(), auditTrailCommand(), auditChainCommand(), auditExportCommand(), auditCheckCommand(), auditKeyCommand())
	return cmd
}

// auditFlags are those of every read.
type auditFlags struct {
	engines engineFlags
	session string
	auditor string
	reason  string
	json    bool
}

func (f *auditFlags) bind(cmd *cobra.Command) {
	f.engines.bind(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.auditor, "auditor", "", "who looks (default: the user of the operating system)")
	fl.StringVar(&f.reason, "reason", "", "why: it is noted in the log (required)")
}

func (f *auditFlags) bindSession(cmd *cobra.Command) {
	f.bind(cmd)
	cmd.Flags().StringVar(&f.session, "session", "", "the session")
}

// resolve checks what every read needs.
func (f *auditFlags) resolve() error {
	if f.reason == "" || len(f.reason) > events.MaxReasonBytes {
		return fmt.Errorf("--reason is 1 to %d bytes", events.MaxReasonBytes)
	}
	if f.auditor == "" {
		if me, err := user.Current(); err == nil {
			f.auditor = me.Username
		}
	}
	if !events.ValidName(f.auditor) {
		return errors.New("--auditor is no user id")
	}
	if f.session != "" && !events.ValidName(f.session) {
		return errors.New("--session is no id")
	}
	return f.engines.resolve()
}

// readable refuses a source that a flag may not name, or that is not there: before the read is noted, which it then never is.
func (f *auditFlags) readable(flag, from string, may ...string) error {
	switch t := &f.engines.target; {
	case !slices.Contains(may, from):
		return fmt.Errorf("--%s is %s, not %q", flag, strings.Join(may, " or "), from)
	case from == "vault" && t.Vault.URL == "":
		return errNoVault
	case from == "archive" && t.ClickHouse.URL == "":
		return errors.New("no archive to read: give --clickhouse")
	}
	return nil
}

// noted opens the log and the archive, notes the read, and then has it done. Whatever of its input can be refused is refused before.
func (f *auditFlags) noted(ctx context.Context, n audit.Note, read func(context.Context, app.Opened, audit.Told) error) error {
	return f.engines.withArchive(ctx, func(ctx context.Context, o app.Opened) error {
		n.Auditor, n.Reason = events.UserID(f.auditor), f.reason
		if n.Session == events.NewSelfID(n.Auditor) {
			if err := audit.Enter(ctx, o.Log, n.Auditor, gateway.DefaultPolicies()[events.KindSelf]); err != nil {
				return err
			}
		}
		told, err := audit.Tell(ctx, o.Log, n)
		if err != nil {
			return err
		}
		return read(ctx, o, told)
	})
}

// notedPatience is how long the archive may take to have all that the log had when it was asked.
const notedPatience = time.Minute

// sourceOf is where to read: kafka (and the vault below its start, if there is one), the vault alone, archive, or, where it is not
// said, the archive if there is one. The archive is waited for until it has what the log has. What is named is there (readable).
func sourceOf(ctx context.Context, o app.Opened, from string, log io.Writer) (audit.Source, func(), error) {
	step, done := progress(log, "reading", "outcomes")
	below, vaulted := o.Log.(*vault.Log)
	switch {
	case from == "" && o.Archive == nil && vaulted:
		return audit.Indexed{Log: audit.Log{Log: o.Log, Progress: step}, Index: below}, done, nil
	case from == "kafka" || from == "" && o.Archive == nil:
		return audit.Log{Log: o.Log, Progress: step}, done, nil
	case from == "vault":
		return audit.Log{Log: below.Sealed(), Progress: step}, done, nil
	}
	waiting, cancel := context.WithTimeout(ctx, notedPatience)
	defer cancel()
	if err := freshness.Await(waiting, o.Log); err != nil {
		return nil, nil, err
	}
	return audit.Archive{View: o.Archive, Progress: step}, done, nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
