package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"annal/internal/app"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/vault"
)

// bindVault makes the flags that say where the vault is.
func bindVault(f *pflag.FlagSet, v *app.Vault, from string) {
	d := app.DefaultVault()
	f.StringVar(&v.URL, "vault", "", "the object store (S3) of the vault, http://host:port or https://host:port"+from)
	f.StringVar(&v.Bucket, "vault-bucket", d.Bucket, "the bucket there")
	f.StringVar(&v.Region, "vault-region", d.Region, "its region")
	f.StringVar(&v.AccessKey, "vault-access-key", "", "the access key to it")
	f.StringVar(&v.SecretKeyFile, "vault-secret-key-file", "", "file of the secret key")
	f.StringVar(&v.CAFile, "vault-ca-file", "", "file of the authorities (PEM) that vouch for the store; empty: the system's")
	v.RetainMode, v.SealEvery = d.RetainMode, d.SealEvery
}

// bindRetention makes the flags that say for how long segments are locked.
func bindRetention(f *pflag.FlagSet, v *app.Vault) {
	f.IntVar(&v.RetainDays, "vault-retain", 0, "lock each segment for so many days; 0: as the bucket has it (role vault)")
	f.StringVar(&v.RetainMode, "vault-retain-mode", v.RetainMode, "governance or compliance")
}

var errNoVault = errors.New("no vault is named: give --vault")

func vaultCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "vault", Short: "Make the vault's bucket, see how far the vault is, check its segments, and trim the log"}
	cmd.AddCommand(vaultMakeCommand(), vaultStatusCommand(), vaultCheckCommand(), vaultTrimCommand())
	return cmd
}

// withVault opens a log with a vault below.
func (e *engineFlags) withVault(ctx context.Context, call func(context.Context, *vault.Log, int32) error) error {
	if err := e.resolve(); err != nil {
		return err
	}
	if e.target.Vault.URL == "" {
		return errNoVault
	}
	return e.withLog(ctx, func(ctx context.Context, o app.Opened) error {
		log, ok := o.Log.(*vault.Log)
		if !ok {
			return errNoVault
		}
		n, err := log.Partitions(ctx, eventlog.Events)
		if err != nil {
			return err
		}
		return call(ctx, log, n)
	})
}

func vaultMakeCommand() *cobra.Command {
	var v app.Vault
	var prefix string
	cmd := &cobra.Command{
		Use:   "make",
		Short: "Make the bucket unless it is there, and see whether the store can hold a vault",
		Long: "Make the vault's bucket, with object lock where --vault-retain asks for it, unless it is there. Then see whether the\n" +
			"store refuses to put an object where one is, and whether the bucket locks objects: without that it can't hold a vault.",
		Example: "  annal vault make --vault https://s3.example.org --vault-access-key annal --vault-secret-key-file key\n" +
			"  annal vault make … --vault-retain 3650 --vault-retain-mode compliance",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if v.URL == "" {
				return errNoVault
			}
			if err := v.Make(cmd.Context(), prefix); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the bucket %s is there, and can hold a vault\n", v.Bucket)
			return nil
		},
	}
	f := cmd.Flags()
	bindVault(f, &v, "")
	bindRetention(f, &v)
	f.StringVar(&prefix, "prefix", "", "goes before the names of objects")
	return cmd
}

func vaultStatusCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show up to where each partition is sealed, and what Kafka has",
		Example: "  annal vault status\n  annal vault status --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return engines.withVault(cmd.Context(), func(ctx context.Context, log *vault.Log, n int32) error {
				status, err := log.Status(ctx, n, time.Now())
				if err != nil {
					return err
				}
				if asJSON {
					return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(status), wrongAmong(status))
				}
				for _, p := range status {
					fmt.Fprintf(cmd.OutOrStdout(), "partition %d: sealed up to %d in %d segments of %d bytes, the log has %d to %d, behind %d records, %.0f s\n",
						p.Partition, p.Sealed, p.Segments, p.Bytes, p.LogStart, p.LogEnd, p.Behind, p.BehindSeconds)
					if p.Problem != "" {
						fmt.Fprintf(cmd.OutOrStdout(), "  wrong: %s\n", p.Problem)
					}
					if p.Trouble != "" {
						fmt.Fprintf(cmd.OutOrStdout(), "  last trouble, %s: %s\n", p.TroubleAt, p.Trouble)
					}
				}
				return wrongAmong(status)
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON array")
	return cmd
}

var errVaultWrong = errors.New("the vault and the log do not fit")

func wrongAmong(status []vault.Status) error {
	for _, p := range status {
		if p.Problem != "" {
			return errVaultWrong
		}
	}
	return nil
}

func vaultCheckCommand() *cobra.Command {
	var engines engineFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read all segments, and hold them against their hashes, their chain, the reader's rule and the log",
		Long: "Read every segment of every partition whole. The first that is wrong or missing is named, and ends it with\n" +
			"an error. So does a vault that ends below where it did, or below Kafka's start, or beyond Kafka's end, or whose last record\n" +
			"is another than Kafka's.",
		Example: "  annal vault check",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return engines.withVault(cmd.Context(), func(ctx context.Context, log *vault.Log, n int32) error {
				for p := range n {
					checked, err := log.Check(ctx, p, func(c vault.Checked) {
						fmt.Fprintf(cmd.ErrOrStderr(), "\rpartition %d: %d segments, %d records, up to %d", p, c.Segments, c.Records, c.Next)
					})
					if checked.Segments > 0 {
						fmt.Fprintln(cmd.ErrOrStderr())
					}
					if err != nil {
						return err
					}
					fmt.Fprintf(cmd.OutOrStdout(), "partition %d: %d segments, %d records, %d bytes, right up to %d\n", p, checked.Segments, checked.Records, checked.Bytes, checked.Next)
				}
				return nil
			})
		},
	}
	engines.bind(cmd)
	return cmd
}

func vaultTrimCommand() *cobra.Command {
	var engines engineFlags
	var keep time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "trim",
		Short: "Delete from Kafka the events that are in the vault and older than --keep",
		Long: "Delete records of annal.events from Kafka, for good: only those that are in the vault, whose segments are read whole and\n" +
			"checked before, and that were appended longer than --keep ago. Every process must know the vault from then on: one without\n" +
			"it that needs what was deleted refuses to go on, and names the gap.\n\n" +
			"A partition that can't be trimmed is told of, and the others are trimmed all the same; the command ends with 1 then.",
		Example: "  annal vault trim --keep 720h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keep < 0 {
				return errors.New("--keep is no less than 0")
			}
			return engines.withVault(cmd.Context(), func(ctx context.Context, log *vault.Log, n int32) error {
				return trimAll(ctx, log, n, events.Millis(time.Now().Add(-keep).UnixMilli()), cmd.OutOrStdout(), asJSON)
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().DurationVar(&keep, "keep", 0, "what was appended within this time stays (required)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON array, with an error where a partition could not be trimmed")
	_ = cmd.MarkFlagRequired("keep") // it is there
	return cmd
}

// trimmed is what a partition's trimming came to.
type trimmed struct {
	vault.Trimmed
	Error string `json:"error,omitempty"`
}

// trimAll trims every partition of what is older than then, tells of each what became of it, and ends with an error if one could not be
// trimmed. What was deleted is told whatever comes after it.
func trimAll(ctx context.Context, log interface {
	Trim(ctx context.Context, partition int32, then events.Millis) (vault.Trimmed, error)
}, n int32, then events.Millis, out io.Writer, asJSON bool) error {
	all := make([]trimmed, 0, n)
	bad := 0
	for p := int32(0); p < n && ctx.Err() == nil; p++ {
		did, err := log.Trim(ctx, p, then)
		did.Partition = p
		of := trimmed{Trimmed: did}
		if err != nil {
			bad++
			of.Error = err.Error()
		}
		all = append(all, of)
		switch {
		case asJSON:
		case err != nil:
			fmt.Fprintf(out, "partition %d: not trimmed: %v\n", p, err)
		default:
			fmt.Fprintf(out, "partition %d: %d records deleted, the log begins at %d, the vault has all below %d\n", p, did.NewStart-did.Start, did.NewStart, did.Sealed)
		}
	}
	var err error
	if asJSON {
		err = json.NewEncoder(out).Encode(all)
	}
	if bad > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d partitions could not be trimmed", bad, n))
	}
	return errors.Join(err, ctx.Err())
}
