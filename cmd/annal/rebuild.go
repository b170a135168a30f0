package main

import "github.com/spf13/cobra"

func rebuildCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "rebuild", Short: "Build a view anew from the log, beside the one that is read"}
	cmd.AddCommand(rebuildArchiveCommand())
	return cmd
}
