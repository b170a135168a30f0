package config

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// Write writes the settings as a file that FromFile takes, each with its text above it
// and where its value is from beside it.
func Write(w io.Writer, settings *pflag.FlagSet) error {
	return write(w, settings, func(f *pflag.Flag) string {
		switch {
		case len(f.Annotations[origin]) > 0:
			return f.Annotations[origin][0]
		case f.Changed:
			return "--" + f.Name
		}
		return ""
	})
}

// WriteDefaults writes the whole surface: each setting with its default. The settings
// must not have been set.
func WriteDefaults(w io.Writer, settings *pflag.FlagSet) error {
	return write(w, settings, func(*pflag.Flag) string { return "" })
}

func write(w io.Writer, settings *pflag.FlagSet, from func(*pflag.Flag) string) error {
	top := &yaml.Node{Kind: yaml.MappingNode}
	settings.VisitAll(func(f *pflag.Flag) {
		value := node(f)
		value.LineComment = from(f)
		top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.Name, HeadComment: f.Usage}, value)
	})
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(top); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// node is a flag's value. Texts are tagged as such, so that the encoder quotes those
// that would be read as something else.
func node(f *pflag.Flag) *yaml.Node {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, v := range list.GetSlice() {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v})
		}
		return n
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Value.String()}
	switch f.Value.Type() {
	case "bool", "int", "int32", "int16", "duration":
	default:
		n.Tag = "!!str"
	}
	return n
}
