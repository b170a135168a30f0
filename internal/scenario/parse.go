package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"annal/pkg/events"
)

// maxSteps bounds a file, as a repeat could stand for any number.
const maxSteps = 100_000

// Parse reads a file's scenarios. The error says the line, and all that is wrong.
func Parse(file, text string) ([]Scenario, error) {
	p := &parser{file: file}
	for n, line := range slices.Collect(strings.Lines(text)) {
		if err := p.line(n+1, strings.TrimSpace(line)); err != nil {
			p.errs = append(p.errs, fmt.Errorf("%s:%d: %w", file, n+1, err))
		}
	}
	if len(p.open) > 0 {
		p.errs = append(p.errs, fmt.Errorf("%s:%d: %s has no end", file, p.open[0].Line, p.open[0].Verb))
	}
	if len(p.all) == 0 && len(p.errs) == 0 {
		p.errs = append(p.errs, fmt.Errorf("%s: there is no scenario in it", file))
	}
	return p.all, errors.Join(p.errs...)
}

type parser struct {
	file string
	all  []Scenario
	// open are the blocks that have not ended yet, outermost first.
	open  []*Step
	steps int
	errs  []error
}

func (p *parser) line(n int, text string) error {
	if text == "" || strings.HasPrefix(text, "#") {
		return nil
	}
	if name, ok := strings.CutPrefix(text, "scenario "); ok {
		if len(p.open) > 0 {
			return errors.New("a block has no end before this scenario")
		}
		p.all = append(p.all, Scenario{File: p.file, Line: n, Name: strings.TrimSpace(name)})
		return nil
	}
	if len(p.all) == 0 {
		return errors.New("a step before the first scenario")
	}
	if text == "end" {
		return p.end()
	}
	if p.steps++; p.steps > maxSteps {
		return fmt.Errorf("more than %d steps", maxSteps)
	}
	s, err := parseStep(text)
	if err != nil {
		return err
	}
	s.Line, s.Text = n, text
	if verbs[s.Verb].kind == isBlock {
		p.open = append(p.open, s)
		return nil
	}
	p.add(*s)
	return nil
}

func (p *parser) end() error {
	if len(p.open) == 0 {
		return errors.New("there is nothing to end")
	}
	last := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	if last.Verb == "together" {
		for _, s := range last.Block {
			if verbs[s.Verb].kind != isCommand {
				return fmt.Errorf("line %d: only commands happen together", s.Line)
			}
		}
	}
	p.add(*last)
	return nil
}

func (p *parser) add(s Step) {
	steps := &p.all[len(p.all)-1].Steps
	if len(p.open) > 0 {
		steps = &p.open[len(p.open)-1].Block
	}
	*steps = append(*steps, s)
}

// word is something between spaces, in which "quoted" and `raw` parts may have some.
var word = regexp.MustCompile("(?:\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|[^\\s\"`])+")

func parseStep(text string) (*Step, error) {
	words := word.FindAllString(text, -1)
	if len(words) == 0 || strings.TrimSpace(word.ReplaceAllString(text, "")) != "" {
		return nil, errors.New("a quote has no end")
	}
	s := &Step{Options: map[string]string{}}
	if v, ok := verbs[words[0]]; !ok || v.kind != isWorld && v.kind != isBlock {
		who, err := parseWho(words[0])
		if err != nil {
			return nil, err
		}
		s.Who, words = who, words[1:]
	}
	if len(words) == 0 {
		return nil, errors.New("a person who does nothing")
	}
	s.Verb = words[0]
	words = words[1:]
	if i := slices.Index(words, "->"); i >= 0 {
		var err error
		if s.Wants, err = parseWants(words[i+1:]); err != nil {
			return nil, err
		}
		words = words[:i]
	}
	for _, w := range words {
		key, value, is := strings.Cut(w, "=")
		if !is || !optionName.MatchString(key) {
			value, is = w, false
		}
		value, err := unquote(value)
		switch {
		case err != nil:
			return nil, err
		case is:
			s.Options[key] = value
		default:
			s.Args = append(s.Args, value)
		}
	}
	return s, s.check()
}

var (
	optionName = regexp.MustCompile(`^[a-z][a-z_.0-9]*$`)
	whoForm    = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_-]*)(?:/([A-Za-z0-9_-]+))?(?:@([0-9]+))?$`)
	repeated   = regexp.MustCompile(`^(.*)\*([0-9]+)$`)
)

func parseWho(text string) (Who, error) {
	m := whoForm.FindStringSubmatch(text)
	if m == nil {
		return Who{}, fmt.Errorf("%q is no person, such as u1, u1/phone or u1/phone@2", text)
	}
	w := Who{Person: m[1], Device: m[2]}
	if w.Device == "" {
		w.Device = mainDevice
	}
	if m[3] != "" {
		n, err := strconv.Atoi(m[3])
		if err != nil || n < 1 {
			return Who{}, fmt.Errorf("%q is no gateway, such as @1", m[3])
		}
		w.Gateway = n
	}
	return w, nil
}

// piece is a part of a word: in quotes, perhaps so many times, or without.
var piece = regexp.MustCompile("(\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)(?:\\*([0-9]+))?|[^\"`]+")

// unquote takes the quotes off a word's parts, and writes "x"*3 out as xxx.
func unquote(w string) (string, error) {
	var b strings.Builder
	for _, m := range piece.FindAllStringSubmatch(w, -1) {
		if m[1] == "" {
			b.WriteString(m[0])
			continue
		}
		s, err := strconv.Unquote(m[1])
		if err != nil {
			return "", fmt.Errorf("%s is not quoted as in Go", m[1])
		}
		times := 1
		if m[2] != "" {
			if times, err = strconv.Atoi(m[2]); err != nil || times*len(s) > maxWord {
				return "", fmt.Errorf("%s times %s is too much", m[1], m[2])
			}
		}
		b.WriteString(strings.Repeat(s, times))
	}
	return b.String(), nil
}

// maxWord bounds what is written out: somewhat more than a frame may have.
const maxWord = 2 << 20

// parseWants reads alternatives with "or" between them.
func parseWants(words []string) (all []Want, err error) {
	if len(words) == 0 {
		return nil, errors.New("-> says nothing")
	}
	var w Want
	for i := 0; i < len(words); i++ {
		next := func() string {
			if i++; i < len(words) {
				return words[i]
			}
			return ""
		}
		switch text := words[i]; text {
		case "or":
			all, w = append(all, w), Want{}
		case "ok":
		case "again":
			w.Again = true
		case "lost":
			w.Lost = true
		case "seq":
			if w.Seq, err = strconv.ParseUint(next(), 10, 64); err != nil {
				return nil, errors.New("seq needs a number")
			}
		case "skipped":
			w.Skipped = strings.Split(next(), ",")
			slices.Sort(w.Skipped)
		default:
			if events.Code(text).Info().Kind == "" {
				return nil, fmt.Errorf("%s is no code", text)
			}
			w.Code = text
		}
	}
	return append(all, w), nil
}
