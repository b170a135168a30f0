package push

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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

// ofText are the texts that are said of a text, which is never empty then.
var ofText = map[string]bool{"message": true, "group_message": true, "mention": true, "mention_all": true, "contact_asked_with": true}

// NewTexts reads ours, and over them those of a folder: a file TAG.yaml (BCP 47) a language, with any of the texts; a language that we don't have
// needs all. Nothing else may be in the folder, but what begins with a dot. over may be nil. Errors: ErrTexts.
func NewTexts(over fs.FS) (*Texts, error) {
	own, err := fs.Sub(ours, "texts")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTexts, err)
	}
	sources := map[language.Tag]map[string]string{}
	for _, files := range []fs.FS{own, over} {
		if files == nil {
			continue
		}
		if err := read(files, sources); err != nil {
			return nil, err
		}
	}
	english := sources[language.English]
	delete(sources, language.English)
	others := slices.SortedFunc(maps.Keys(sources), func(a, b language.Tag) int { return strings.Compare(a.String(), b.String()) })
	tags := append([]language.Tag{language.English}, others...)
	sources[language.English] = english
	t := &Texts{matcher: language.NewMatcher(tags)}
	for _, tag := range tags {
		all, err := parse(sources[tag], english)
		if err != nil {
			return nil, fmt.Errorf("%w: %s.yaml: %w", ErrTexts, tag, err)
		}
		t.all = append(t.all, all)
	}
	return t, nil
}

// read puts the texts of a folder's files over those of their languages.
func read(files fs.FS, into map[language.Tag]map[string]string) error {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTexts, causeOf(err))
	}
	seen := map[language.Tag]string{}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".yaml")
		if strings.HasPrefix(e.Name(), ".") {
			continue // a mounted ConfigMap has some
		}
		tag, err := language.Parse(name)
		switch {
		case !is || err != nil:
			return fmt.Errorf("%w: %s: want files TAG.yaml alone, TAG a language as in BCP 47", ErrTexts, e.Name())
		case seen[tag] != "":
			return fmt.Errorf("%w: %s and %s are the same language", ErrTexts, seen[tag], e.Name())
		}
		seen[tag] = e.Name()
		content, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrTexts, e.Name(), causeOf(err))
		}
		if into[tag] == nil {
			into[tag] = map[string]string{}
		}
		if err := add(content, into[tag]); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrTexts, e.Name(), err)
		}
	}
	return nil
}

// causeOf is what is wrong with a file, without the name that it has in its folder.
func causeOf(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// add takes texts from a file: one mapping of names to texts.
func add(content []byte, into map[string]string) error {
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		return err
	}
	if len(file.Content) == 0 {
		return nil // comments alone
	}
	top := file.Content[0]
	if top.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want NAME: TEXT, a line each", top.Line)
	}
	seen := map[string]bool{}
	for i := 0; i < len(top.Content); i += 2 {
		name, text := top.Content[i], top.Content[i+1]
		switch {
		case text.Kind != yaml.ScalarNode:
			return fmt.Errorf("line %d: want NAME: TEXT", text.Line)
		case seen[name.Value]:
			return fmt.Errorf("line %d: %s is there twice", name.Line, name.Value)
		}
		seen[name.Value], into[name.Value] = true, text.Value
	}
	return nil
}

// parse makes templates of a language's texts, which must be those that English has.
func parse(texts, english map[string]string) (map[string]*template.Template, error) {
	all := map[string]*template.Template{}
	for _, key := range slices.Sorted(maps.Keys(english)) {
		if _, there := texts[key]; !there {
			return nil, fmt.Errorf("it has no %s", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if _, known := english[key]; !known {
			return nil, fmt.Errorf("nobody says %s", key)
		}
		t, err := template.New(key).Parse(texts[key])
		if err == nil {
			err = tryOut(t)
		}
		if err != nil {
			return nil, err
		}
		all[key] = t
	}
	return all, nil
}

// tryOut has a template say something with each of its fields there and not there, so that each of its branches is taken. Somebody is always there to have
// said it, and a text where it is of one: then it must not be empty.
func tryOut(t *template.Template) error {
	for _, sender := range []string{"Ann", ""} {
		for _, session := range []string{"Club", ""} {
			for _, text := range []string{"hello", ""} {
				var b strings.Builder
				if err := t.Execute(&b, said{sender, session, text}); err != nil {
					return err
				}
				if strings.TrimSpace(b.String()) == "" && sender != "" && (text != "" || !ofText[t.Name()]) {
					return fmt.Errorf("%s is empty (with a session's name: %t, with a text: %t)", t.Name(), session != "", text != "")
				}
			}
		}
	}
	return nil
}

// localeOf is the language tag of what a device registered: phones' SDKs give BCP 47 or POSIX, as ja_JP.UTF-8 or de@euro.
func localeOf(s string) string {
	if end := strings.IndexAny(s, ".@"); end >= 0 {
		s = s[:end]
	}
	return strings.ReplaceAll(s, "_", "-")
}

// say gives a text in the language that fits a locale best.
func (t *Texts) say(locale, key string, s said) string {
	_, i := language.MatchStrings(t.matcher, localeOf(locale))
	var b strings.Builder
	if err := t.all[i][key].Execute(&b, s); err != nil {
		return "" // each was executed when it was read
	}
	return b.String()
}
