package main

import "github.com/spf13/cobra"

func rebuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Build a view anew from the log, beside itself, and swap the two",
		Long: "Any view can be thrown away and built again from the log. This builds one that is whole anew beside itself: readers go on\n" +
			"with the old one, live traffic goes on, and when the new one has come up to it they are swapped.",
		Example: "  annal rebuild hot\n  annal rebuild hot --session g_abc\n  annal rebuild archive",
	}
	cmd.AddCommand(rebuildHotCommand(), rebuildArchiveCommand())
	return cmd
}
