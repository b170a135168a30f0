package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"annal/internal/app"
)

func topicsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "topics", Short: "Create or check the topics in Kafka"}
	var t app.Topics
	cmd.PersistentFlags().StringSliceVar(&t.Kafka, "kafka", []string{"127.0.0.1:9092"}, "Kafka's bootstrap addresses, host:port")
	cmd.PersistentFlags().StringVar(&t.Prefix, "prefix", "", "goes before the topics' names")
	cmd.PersistentFlags().Int32Var(&t.Partitions, "partitions", 96, "partitions of commands and events; fixed for ever at creation")
	cmd.PersistentFlags().Int16Var(&t.Replication, "replication", 3, "copies of each partition")
	cmd.PersistentFlags().IntVar(&t.MinISR, "min-insync-replicas", 2, "copies that must hold a record before it counts as written")
	cmd.AddCommand(&cobra.Command{
		Use:     "create",
		Short:   "Create the topics that are not there, then check them all",
		Example: "  annal topics create --kafka k1:9092,k2:9092 --partitions 96",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.Create(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "topics are there and as they must be")
			return nil
		},
	}, &cobra.Command{
		Use:     "check",
		Short:   "Check that the topics are as Annal needs them; say every difference",
		Example: "  annal topics check --kafka k1:9092,k2:9092",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.Check(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "topics are as they must be")
			return nil
		},
	})
	return cmd
}
