// Package config lets settings be given in a file and in the environment besides on the
// command line. A setting is a flag: its name, its type, its default and its text are
// said once. What is given on the command line comes before the environment, that before
// the file, and that before the default.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// Errors of a file. All but ErrFile name the file and the line.
var (
	// ErrFile: the file cannot be read, or is over 1 MiB.
	ErrFile = errors.New("config: the file cannot be read")
	// ErrForm: it is not YAML, or not one mapping of settings to values.
	ErrForm = errors.New("config: want one YAML mapping of settings to values")
	// ErrUnknownKey: no setting has this name.
	ErrUnknownKey = errors.New("config: no such setting")
	// ErrTwice: the setting is given twice.
	ErrTwice = errors.New("config: given twice")
	// ErrValue: the setting does not take this value.
	ErrValue = errors.New("config: wrong value")
)

// maxFileBytes bounds a file; the whole surface has a hundredth of it.
const maxFileBytes = 1 << 20

// origin is the annotation of a flag that says where its value is from.
const origin = "annal_origin"

// Environment is the variable of a setting: ANNAL_LOG_LEVEL for log-level.
func Environment(name string) string {
	return "ANNAL_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// FromEnvironment sets flags that were not given on the command line.
func FromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := os.LookupEnv(Environment(f.Name))
		if !ok || f.Changed || failed != nil {
			return
		}
		if err := f.Value.Set(value); err != nil {
			failed = fmt.Errorf("%s: %w: %w", Environment(f.Name), ErrValue, err)
			return
		}
		given(f, Environment(f.Name))
	})
	return failed
}

// given notes that f is set, and from where.
func given(f *pflag.Flag, from string) {
	f.Changed = true
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[origin] = []string{from}
}

// FromFile sets what was given neither on the command line nor in the environment. An
// empty path is no file. The file is one YAML mapping; its keys are the settings' names.
func FromFile(settings *pflag.FlagSet, path string) error {
	if path == "" {
		return nil
	}
	content, err := readFile(path)
	if err != nil {
		return err
	}
	entries, err := parse(content)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		f := settings.Lookup(e.key)
		switch {
		case f == nil:
			return fmt.Errorf("%s, line %d: %w: %q; there are %s", path, e.line, ErrUnknownKey, e.key, strings.Join(names(settings), ", "))
		case seen[e.key]:
			return fmt.Errorf("%s, line %d: %w: %q", path, e.line, ErrTwice, e.key)
		}
		seen[e.key] = true
		if err := e.check(f, f.Changed); err != nil {
			return fmt.Errorf("%s, line %d: %w: %s: %w", path, e.line, ErrValue, e.key, err)
		}
		if !f.Changed {
			given(f, fmt.Sprintf("%s, line %d", path, e.line))
		}
	}
	return nil
}

func names(settings *pflag.FlagSet) []string {
	var all []string
	settings.VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	return all
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: closing can lose nothing
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	case len(content) > maxFileBytes:
		return nil, fmt.Errorf("%w: %s has over %d bytes", ErrFile, path, maxFileBytes)
	}
	return content, nil
}

// entry is a key of the file with its value or values.
type entry struct {
	key  string
	line int
	node *yaml.Node
}

func parse(content []byte) ([]entry, error) {
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	var doc, second yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: there is a second document", ErrForm)
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil // comments only
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: %w", top.Line, ErrForm)
	}
	var entries []entry
	for i := 0; i < len(top.Content); i += 2 {
		key := top.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: %w", key.Line, ErrForm)
		}
		entries = append(entries, entry{key.Value, key.Line, top.Content[i+1]})
	}
	return entries, nil
}

// check sets the flag, or only checks that it takes the value when something else comes
// before the file: a file is right or wrong whatever it is used with.
func (e entry) check(f *pflag.Flag, only bool) (err error) {
	if only {
		was := f.Value.String()
		list, isList := f.Value.(pflag.SliceValue)
		var values []string
		if isList {
			values = list.GetSlice()
		}
		defer func() {
			if isList {
				err = errors.Join(err, list.Replace(values))
				return
			}
			err = errors.Join(err, f.Value.Set(was))
		}()
	}
	return e.set(f)
}

func (e entry) set(f *pflag.Flag) error {
	list, isList := f.Value.(pflag.SliceValue)
	switch {
	case isList && e.node.Kind == yaml.SequenceNode:
		var values []string
		for _, n := range e.node.Content {
			v, err := scalar(n)
			if err != nil {
				return err
			}
			values = append(values, v)
		}
		return list.Replace(values)
	case isList:
		return errors.New("want a list, as in [a, b]")
	}
	v, err := scalar(e.node)
	if err != nil {
		return err
	}
	return f.Value.Set(v)
}

func scalar(n *yaml.Node) (string, error) {
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", errors.New("want one value")
	case n.Tag == "!!null":
		return "", errors.New(`no value; "" is the empty text`)
	}
	return n.Value, nil
}
