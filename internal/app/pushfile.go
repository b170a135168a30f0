package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"annal/internal/reload"
	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// Errors of a file of apps.
var (
	// ErrPushApps is in all of them; what is wrong follows the file's path and, where it is of one, the app.
	ErrPushApps    = errors.New("app: --push-apps")
	ErrPushTwice   = errors.New("its service and package are those of")
	ErrPushService = errors.New("service: want one of " + strings.Join(pushServices(), ", "))
	ErrPushPackage = fmt.Errorf("package: want the app's name there, in %d bytes at most", events.MaxNameBytes)
	ErrPushCA      = errors.New("ca: want certificates in PEM")
	// ErrPushSize and ErrPushMany are of the limits.
	ErrPushSize = errors.New("it has more than 1 MiB")
	ErrPushMany = errors.New("it has more than 1000 apps")
)

// The most that a file of apps may be. 1 MiB is a thousand apps of a KiB, and a service account's key has two or three.
const (
	maxPushBytes = 1 << 20
	maxPushApps  = 1000
)

// pushFault is what is wrong with a file of apps: ErrPushApps, of which file and app, and what.
type pushFault struct {
	where string
	error
}

func (f pushFault) Error() string {
	// A connector may find several things wrong, a line each.
	return ErrPushApps.Error() + ": " + f.where + ": " + strings.ReplaceAll(f.error.Error(), "\n", "; ")
}

func (f pushFault) Unwrap() []error { return []error{ErrPushApps, f.error} }

// read takes the apps from the files.
func (p *PushApps) read() error {
	nodes, err := p.list()
	if err != nil {
		return pushFault{p.path, err}
	}
	had := *p.apps.Load()
	apps, named, first := make(map[push.App]pushApp, len(nodes)), []string{p.path}, map[push.App]int{}
	for i, node := range nodes {
		s, err := p.settings(node)
		app := push.App{Service: s.values["service"], Package: s.values["package"]}
		if other := first[app]; err == nil && other != 0 {
			err = fmt.Errorf("%w app %d", ErrPushTwice, other)
		}
		var made pushApp
		if err == nil {
			made, err = s.make(had[app])
		}
		if err != nil {
			return pushFault{fmt.Sprintf("%s: app %d%s", p.path, i+1, labelOf(app)), err}
		}
		apps[app], first[app], named = made, i+1, append(named, s.files...)
	}
	if p.files, err = reload.New(p.now(), named...); err != nil {
		return pushFault{p.path, causeOf(err)}
	}
	p.apps.Store(&apps)
	return nil
}

// labelOf says which app it is, as far as that is known.
func labelOf(app push.App) string {
	switch {
	case pushMakers()[app.Service] == nil:
		return ""
	case !validPackage(app.Package):
		return " (" + app.Service + ")"
	}
	return " (" + app.Service + " " + app.Package + ")"
}

// validPackage says whether devices can register it; what has more than a line was meant for another setting.
func validPackage(name string) bool {
	return name != "" && len(name) <= events.MaxNameBytes && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// list gives what is under apps.
func (p *PushApps) list() ([]*yaml.Node, error) {
	content, err := readSmall(p.path)
	if err != nil {
		return nil, err
	}
	var file, another yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	switch err := decoder.Decode(&file); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty: want apps, a list")
	case err != nil:
		return nil, notYAML(err)
	case !errors.Is(decoder.Decode(&another), io.EOF):
		return nil, errors.New("want one YAML document")
	}
	top, err := pairs(file.Content[0])
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if name != "apps" {
			return nil, fmt.Errorf("unknown setting %s: want apps alone, a list", name)
		}
	}
	switch apps := top["apps"]; {
	case apps == nil:
		return nil, errors.New("want apps, a list")
	case apps.Kind == yaml.SequenceNode && len(apps.Content) > maxPushApps:
		return nil, ErrPushMany
	case apps.Kind == yaml.SequenceNode || apps.Kind == yaml.ScalarNode && apps.Tag == "!!null":
		return apps.Content, nil
	}
	return nil, errors.New("apps: want a list")
}

var lineOf = regexp.MustCompile(`^yaml: line [0-9]+`)

// notYAML says where a file is none. What the parser says of that may repeat a part of it.
func notYAML(err error) error {
	if at := strings.TrimPrefix(lineOf.FindString(err.Error()), "yaml: "); at != "" {
		return errors.New("it is not YAML, near " + at)
	}
	return errors.New("it is not YAML")
}

var settingName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// pairs gives a mapping's values by name.
func pairs(n *yaml.Node) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, errors.New("want settings, each NAME: VALUE")
	}
	all := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch {
		case name.Kind != yaml.ScalarNode || !settingName.MatchString(name.Value):
			return nil, errors.New("the name of a setting is none: want a-z, 0-9 and _")
		case all[name.Value] != nil:
			return nil, fmt.Errorf("%s is given twice", name.Value)
		}
		all[name.Value] = value
	}
	return all, nil
}

// pushSettings are an app's, those of files and of the environment read.
type pushSettings struct {
	values map[string]string
	files  []string
}

// settings reads an app's. What could be read is there if another could not be.
func (p *PushApps) settings(n *yaml.Node) (s pushSettings, err error) {
	s.values = map[string]string{}
	given, err := pairs(n)
	if err != nil {
		return s, err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if node := given[name]; node.Kind != yaml.ScalarNode {
			err = errors.Join(err, fmt.Errorf("%s: want a text or a number", name))
			continue
		}
		to, value, path, bad := p.setting(name, textOf(given[name]))
		_, twice := s.values[to]
		switch {
		case bad != nil:
			err = errors.Join(err, fmt.Errorf("%s: %w", name, bad))
			continue
		case twice:
			err = errors.Join(err, fmt.Errorf("%s is given twice", to))
		case path != "":
			s.files = append(s.files, path)
		}
		s.values[to] = value
	}
	return s, err
}

func textOf(n *yaml.Node) string {
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// setting gives the name and the value of a setting, which may be in a file or in the environment. Errors don't say where that is: it may be a
// secret, put at the wrong name.
func (p *PushApps) setting(name, given string) (to, value, path string, err error) {
	if to, is := strings.CutSuffix(name, "_file"); is {
		if given == "" {
			return to, "", "", errors.New("want a file's path")
		}
		if path = given; !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(p.path), path)
		}
		content, err := readSmall(path)
		return to, strings.TrimSuffix(string(content), "\n"), path, err
	}
	if to, is := strings.CutSuffix(name, "_env"); is {
		value, set := os.LookupEnv(given)
		if !set {
			return to, "", "", errors.New("there is no such variable in the environment")
		}
		return to, value, "", nil
	}
	return name, given, "", nil
}

// make makes the service of an app, or takes the one that it had if it was made with the same settings: that may have a token of the vendor's.
func (s pushSettings) make(had pushApp) (made pushApp, err error) {
	create := pushMakers()[s.values["service"]]
	switch {
	case create == nil:
		return made, ErrPushService
	case !validPackage(s.values["package"]):
		return made, ErrPushPackage
	}
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		made.settings += name + "\x00" + s.values[name] + "\x00"
	}
	if had.Service != nil && had.settings == made.settings {
		return had, nil
	}
	client, err := pushClient(s.values["ca"])
	if err != nil {
		return made, err
	}
	own := maps.Clone(s.values)
	for _, name := range []string{"service", "package", "ca"} {
		delete(own, name)
	}
	made.Service, err = create(s.values["package"], own, client)
	return made, err
}

// readSmall reads a file of maxPushBytes at most. Errors don't repeat its path.
func readSmall(path string) ([]byte, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, causeOf(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("want a file") // a pipe would be waited for
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, causeOf(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: closing can lose nothing
	content, err := io.ReadAll(io.LimitReader(f, maxPushBytes+1))
	switch {
	case err != nil:
		return nil, causeOf(err)
	case len(content) > maxPushBytes:
		return nil, ErrPushSize
	}
	return content, nil
}

// causeOf is what is wrong with a file, without its path.
func causeOf(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
