package push

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"
)

// Texts are what notifications say, by language.
type Texts struct {
	matcher language.Matcher
	// all are in the matcher's order; English is the first, and so what is spoken where nothing else fits.
	all []map[string]*template.Template
}

//go:embed texts/*.yaml
var ours embed.FS

// ErrTexts says that a file of texts can't be used.
var ErrTexts = errors.New("push: texts")

// said is what templates are filled with.
type said struct{ Sender, Session, Text string }

// NewTexts reads ours, and over them those of a folder: a file TAG.yaml (BCP 47) a language, with any of the texts; a language that we don't have
// needs all. over may be nil. Errors: ErrTexts.
func NewTexts(over fs.FS) (*Texts, error) {
	sources := map[string]map[string]string{}
	for _, from := range []struct {
		files   fs.FS
		pattern string
	}{{ours, "texts/*.yaml"}, {over, "*.yaml"}} {
		if from.files == nil {
			continue
		}
		if err := read(from.files, from.pattern, sources); err != nil {
			return nil, err
		}
	}
	tags := []language.Tag{language.English}
	t := &Texts{all: []map[string]*template.Template{nil}}
	english, err := parse("en", sources["en"], sources["en"])
	if err != nil {
		return nil, err
	}
	t.all[0] = english
	for _, name := range slices.Sorted(keysOf(sources)) {
		if name == "en" {
			continue
		}
		tag, err := language.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s.yaml: %w", ErrTexts, name, err)
		}
		all, err := parse(name, sources[name], sources["en"])
		if err != nil {
			return nil, err
		}
		tags, t.all = append(tags, tag), append(t.all, all)
	}
	t.matcher = language.NewMatcher(tags)
	return t, nil
}

func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func read(files fs.FS, pattern string, into map[string]map[string]string) error {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTexts, err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTexts, err)
		}
		texts := map[string]string{}
		if err := yaml.Unmarshal(content, &texts); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrTexts, name, err)
		}
		tag := strings.TrimSuffix(path.Base(name), ".yaml")
		if into[tag] == nil {
			into[tag] = map[string]string{}
		}
		for key, text := range texts {
			into[tag][key] = text
		}
	}
	return nil
}

// parse makes templates of a language's texts, which must be those that English has.
func parse(tag string, texts, english map[string]string) (map[string]*template.Template, error) {
	all := map[string]*template.Template{}
	for key := range english {
		if _, there := texts[key]; !there {
			return nil, fmt.Errorf("%w: %s.yaml has no %s", ErrTexts, tag, key)
		}
	}
	for key, text := range texts {
		if _, known := english[key]; !known {
			return nil, fmt.Errorf("%w: %s.yaml: nobody says %s", ErrTexts, tag, key)
		}
		t, err := template.New(key).Parse(text)
		if err == nil {
			err = t.Execute(&bytes.Buffer{}, said{})
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s.yaml: %w", ErrTexts, tag, err)
		}
		all[key] = t
	}
	return all, nil
}

// say gives a text in the language that fits a locale best.
func (t *Texts) say(locale, key string, s said) string {
	_, i := language.MatchStrings(t.matcher, strings.ReplaceAll(locale, "_", "-"))
	var b strings.Builder
	if err := t.all[i][key].Execute(&b, s); err != nil {
		return "" // each was executed when it was read
	}
	return b.String()
}
