package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/pkg/audit"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/vault"
)

// errNotWhole says that a chain does not hold.
var errNotWhole = errors.New("the chain of hashes does not hold")

func auditChainCommand() *cobra.Command {
	var f auditFlags
	var all bool
	var from string
	cmd := &cobra.Command{
		Use:   "chain",
		Short: "Check the chain of hashes, and name of each session the first wrong, missing, doubled or moved record",
		Long: "Every outcome carries the SHA-256 of the stored bytes of its session's outcome before it. Exit code 1 when a chain\n" +
			"does not hold, or the log and its vault are not of one piece. Of the vault alone it says up to where that is.",
		Example: "  annal audit chain --session g_… --reason 'yearly'\n  annal audit chain --all --from archive --reason 'yearly' --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all == (f.session != "") {
				return errors.New("give --session or --all")
			}
			if err := f.resolve(); err != nil {
				return err
			}
			if err := f.readable("from", from, "kafka", "vault", "archive"); err != nil {
				return err
			}
			n := audit.Note{Session: events.SessionID(f.session), What: "chain", About: from}
			if all {
				n.Session, n.About = events.NewSelfID(events.UserID(f.auditor)), "all sessions, "+from
			}
			return f.noted(cmd.Context(), n, func(ctx context.Context, o app.Opened, told audit.Told) error {
				if err := fitting(ctx, o, from, cmd.ErrOrStderr()); err != nil {
					return err
				}
				source, done, err := sourceOf(ctx, o, from, cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				var c audit.Chains
				if all {
					c, err = audit.CheckAll(ctx, source)
				} else {
					c, err = audit.CheckSession(ctx, source, n.Session, noteIn(from, told))
				}
				done()
				return tellChains(cmd.OutOrStdout(), c, err, f.json)
			})
		},
	}
	f.bindSession(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all sessions")
	cmd.Flags().StringVar(&from, "from", "kafka", "where to read: kafka (below its start the vault), vault (what is sealed) or archive")
	cmd.Flags().BoolVar(&f.json, "json", false, "as one JSON object")
	return cmd
}

// noteIn is the note of this read where a source must have it: it is not sealed yet.
func noteIn(from string, told audit.Told) *audit.Told {
	if from == "vault" {
		return nil
	}
	return &told
}

// fitting refuses what a vault and the log do not agree upon: a chain that is read from either of them alone would hold, and not be all. Who reads
// the vault alone is told up to where that is.
func fitting(ctx context.Context, o app.Opened, from string, w io.Writer) error {
	below, ok := o.Log.(*vault.Log)
	if !ok || from == "archive" {
		return nil
	}
	n, err := below.Partitions(ctx, eventlog.Events)
	if err != nil {
		return err
	}
	status, err := below.Status(ctx, n, time.Now())
	if err != nil {
		return err
	}
	for _, p := range status {
		if from == "vault" {
			fmt.Fprintf(w, "partition %d: sealed up to %d, the log ends at %d\n", p.Partition, p.Sealed, p.LogEnd)
		}
		if p.Problem != "" {
			return fmt.Errorf("%w: %s", errVaultWrong, p.Problem)
		}
	}
	return nil
}

func tellChains(w io.Writer, c audit.Chains, err error, asJSON bool) error {
	if lost := (*audit.LostError)(nil); err != nil && !errors.As(err, &lost) {
		return err
	}
	if asJSON {
		if err := printJSON(w, c); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(w, "%d sessions, %d outcomes\n", c.Sessions, c.Records)
		for i := range c.Faults {
			fmt.Fprintln(w, "FAULT", c.Faults[i].String())
		}
		switch {
		case c.Found > 0 || err != nil:
		case c.Records == 0:
			fmt.Fprintln(w, "nothing to check is there")
		default:
			fmt.Fprintln(w, "chains whole")
		}
	}
	switch {
	case err != nil:
		return err
	case c.Found > 0:
		return fmt.Errorf("%w: %d sessions", errNotWhole, c.Found)
	}
	return nil
}

func auditExportCommand() *cobra.Command {
	var f auditFlags
	var from, to, source, keyFile, out string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a session's records into a signed bundle, for others to check",
		Long: "The bundle is a tar of a manifest, its Ed25519 signature, and the records as JSON lines with their stored bytes:\n" +
			"docs/audit-format.md says how to check one without Annal. `annal audit key` makes the key. Before it is signed the\n" +
			"session's chain of hashes is checked from the beginning up to the note of this read, as it stands in the log: where it\n" +
			"does not hold there is no bundle, and exit code 1. It ends with that note, or before --to.",
		Example: "  annal audit key --new audit-key.json\n  annal audit export --session g_… --key audit-key.json -o case7.tar --reason 'case 7'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := audit.Range{Session: events.SessionID(f.session)}
			var err error
			if r.From, err = parseTime("from", from); err != nil {
				return err
			}
			if r.To, err = parseTime("to", to); err != nil {
				return err
			}
			if r.To != 0 && r.To <= r.From {
				return errors.New("--to does not lie behind --from")
			}
			if f.session == "" || keyFile == "" || out == "" {
				return errors.New("give --session, --key and --out")
			}
			content, err := os.ReadFile(keyFile)
			if err != nil {
				return err
			}
			key, err := auth.ParseKey(content)
			if err != nil {
				return fmt.Errorf("%s: %w", keyFile, err)
			}
			if err := f.resolve(); err != nil {
				return err
			}
			if source != "" {
				if err := f.readable("source", source, "kafka", "archive"); err != nil {
					return err
				}
			}
			n := audit.Note{Session: r.Session, What: "export", About: from + " to " + to}
			m, err := f.export(cmd.Context(), n, r, source, key.Private, out, cmd.ErrOrStderr())
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d records, last hash %s, signed by %s\n", out, m.Records, m.LastHash, audit.KeyID(key.Private.Public().(ed25519.PublicKey)))
			}
			return err
		},
	}
	f.bindSession(cmd)
	fl := cmd.Flags()
	fl.StringVar(&from, "from", "", "from this log time on: 2026-01-31T12:00:00Z")
	fl.StringVar(&to, "to", "", "up to before this log time")
	fl.StringVar(&source, "source", "", "where to read: kafka (below its start the vault) or archive (default: the archive if there is one)")
	fl.StringVar(&keyFile, "key", "", "the signing key's file")
	fl.StringVarP(&out, "out", "o", "", "the bundle to write; it must not exist")
	return cmd
}

// export writes a bundle, of a read that is noted when it is clear that the bundle can be written.
func (f *auditFlags) export(ctx context.Context, n audit.Note, r audit.Range, from string, key ed25519.PrivateKey, path string, log io.Writer) (m audit.Manifest, err error) {
	bundle, err := newBundle(path)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, bundle.discard()) }()
	err = f.noted(ctx, n, func(ctx context.Context, o app.Opened, told audit.Told) error {
		source, done, err := sourceOf(ctx, o, from, log)
		if err != nil {
			return err
		}
		r.Cluster, r.Told = o.Log.Cluster(), &told
		m, err = bundle.write(ctx, source, r, key)
		done()
		if errors.Is(err, audit.ErrNotWhole) && o.Archive != nil && from != "kafka" {
			return fmt.Errorf("%w (this is the archive; --source kafka reads the log)", err)
		}
		return err
	})
	return m, err
}

func auditCheckCommand() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "check BUNDLE",
		Short: "Check a bundle: its signature, every record by its bytes, and the chain through all of them",
		Long: "Without --key the signature is checked by the key that the bundle names itself: that shows that it is whole, not who\n" +
			"made it. Needs no deployment. Exit code 1 when it does not hold.",
		Example: "  annal audit check case7.tar --key auditors.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var trusted []ed25519.PublicKey
			if keyFile != "" {
				content, err := os.ReadFile(keyFile)
				if err != nil {
					return err
				}
				keys, err := auth.ParseKeys(content)
				if err != nil {
					return fmt.Errorf("%s: %w", keyFile, err)
				}
				trusted = slices.Collect(maps.Values(keys))
			}
			bundle, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer bundle.Close() //nolint:errcheck // opened for reading: closing can lose nothing
			m, s, err := audit.Check(bundle, trusted)
			if err != nil {
				return err
			}
			whose := "which is trusted (--key)"
			if len(trusted) == 0 {
				whose = "which was held against no other (--key)"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "good: %d records of %s on cluster %s, chain whole, signed by the key %s, %s\n", m.Records, m.Session, m.Cluster, s.KeyID, whose)
			return nil
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the keys that are trusted: a JWK Set of public keys")
	return cmd
}

func auditKeyCommand() *cobra.Command {
	var newKey, public string
	cmd := &cobra.Command{
		Use:     "key",
		Short:   "Make a key that signs bundles, or print a key's public part for those who check",
		Example: "  annal audit key --new audit-key.json\n  annal audit key --public audit-key.json > auditors.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case (newKey == "") == (public == ""):
				return errors.New("give --new or --public")
			case newKey != "":
				return app.NewKey(newKey)
			}
			keys, err := app.PublicKeys(app.TokenRequest{KeyFile: public})
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(keys)
			return err
		},
	}
	cmd.Flags().StringVar(&newKey, "new", "", "write a new key to this file")
	cmd.Flags().StringVar(&public, "public", "", "print the public part of the key in this file")
	return cmd
}
