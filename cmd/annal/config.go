package main

import (
	"github.com/spf13/cobra"

	"annal/internal/config"
)

func configCommand() *cobra.Command {
	cmd := configOf(newServeFlags, func(s *serverFlags) error { return s.config.Validate() })
	cmd.Use, cmd.Short = "config", "Print the settings that `annal serve` would run with"
	cmd.Long = "Print the settings in force as YAML, each with where it is from: a flag, a variable or the file; nothing\n" +
		"beside it means the default. Flags and variables are those of `annal serve`, and what it would refuse is\n" +
		"refused here. The output is a file for --config. No setting is a secret: keys are in files that\n" +
		"settings name, and addresses with a password are refused. `annal config dev` is about `annal dev`."
	cmd.Example = "  annal config --defaults > annal.yaml\n  annal config --config annal.yaml --roles hot"
	sub := configOf(newDevFlags, func(s *serverFlags) error { return s.config.ValidateDev(s.engines) })
	sub.Use, sub.Short = "dev", "Print the settings that `annal dev` would run with"
	sub.Example = "  annal config dev --defaults\n  annal config dev --config dev.yaml"
	cmd.AddCommand(sub)
	return cmd
}

// configOf is the command for a server's settings.
func configOf(settings func() *serverFlags, validate func(*serverFlags) error) *cobra.Command {
	s := settings()
	var defaults bool
	cmd := &cobra.Command{
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if defaults {
				return config.WriteDefaults(cmd.OutOrStdout(), settings().settings)
			}
			if err := s.finish(); err != nil {
				return err
			}
			if err := validate(s); err != nil {
				return err
			}
			return config.Write(cmd.OutOrStdout(), s.settings)
		},
	}
	s.register(cmd)
	cmd.Flags().BoolVar(&defaults, "defaults", false, "print the defaults alone, whatever else is given")
	return cmd
}
