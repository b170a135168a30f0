package chdbd

import (
	"cmp"
	"strings"
)

// statement is what has to be known of a text of SQL before the engine gets it.
type statement struct {
	// verb is the first word, in capitals; WITH counts as SELECT.
	verb string
	// format is what the text itself asks its result in; of an INSERT what its data are in.
	format string
	// insert is set for an INSERT whose data stand in the text.
	insert *insertion
	// several says that another statement follows.
	several bool
}

// insertion is where things stand in the text of an INSERT with data: where its table and columns end, where the settings
// end, and where the data begin.
type insertion struct{ head, settings, data int }

// reads says whether the statement changes nothing.
func (s statement) reads() bool {
	switch s.verb {
	case "SELECT", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK", "(", "FROM", "":
		return true
	}
	return false
}

// parse looks through a text. What follows the format of an INSERT, or its VALUES, are data and not looked at.
func parse(text string) statement {
	var s statement
	settings := 0
	t := tokens{text: text}
	for word, depth := t.next(); word != ""; word, depth = t.next() {
		upper := strings.ToUpper(word)
		if s.verb == "" {
			s.verb = upper
			if s.verb == "WITH" {
				s.verb = "SELECT"
			}
			continue
		}
		if depth > 0 {
			continue
		}
		if t.ended {
			s.several = true
			return s
		}
		from := t.at - len(word)
		switch {
		case upper == "FORMAT" && s.verb == "INSERT":
			s.format, _ = t.next()
			s.insert = &insertion{head: cmp.Or(settings, from), settings: from, data: dataAt(text, t.at)}
			return s
		case upper == "VALUES" && s.verb == "INSERT":
			s.format = "Values"
			s.insert = &insertion{head: cmp.Or(settings, from), settings: from, data: t.at}
			return s
		case s.verb == "INSERT" && (upper == "SELECT" || upper == "WITH" || upper == "INFILE"):
			s.verb = "INSERT " + upper
		case upper == "SETTINGS":
			settings = from
		case upper == "FORMAT":
			s.format, _ = t.next()
		}
	}
	return s
}

// dataAt gives where data begin behind the name of their format: behind the line's end, if only spaces stand before it.
func dataAt(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	if strings.HasPrefix(text[at:], "\r\n") {
		return at + 2
	}
	if strings.HasPrefix(text[at:], "\n") {
		return at + 1
	}
	return at
}

// from gives the statement with its data in the file at path instead.
func (in *insertion) from(text, path, format string) string {
	return text[:in.head] + " FROM INFILE " + literal(path) + " COMPRESSION 'none' " + text[in.head:in.settings] + " FORMAT " + format
}

// tokens goes through a text word by word. Strings, quoted names, comments and signs are passed over, but for
// the brackets, which say how deep a word lies.
type tokens struct {
	text string
	// names says that quoted names are words too.
	names bool
	at    int
	depth int
	began bool
	// ended says that a semicolon was passed.
	ended bool
}

// next gives the next word; "" at the end. A bracket that begins the text is a word as well.
func (t *tokens) next() (word string, depth int) {
	for t.at < len(t.text) {
		rest := t.text[t.at:]
		first := !t.began
		switch c := rest[0]; {
		case t.blank(rest):
			continue
		case c == '\'' || c == '"' || c == '`':
			from := t.at + 1
			t.quoted(c)
			if name := t.text[min(from, t.at):max(from, t.at-1)]; t.names && c != '\'' && name != "" {
				t.began = true
				return name, t.depth
			}
		case c == '$':
			t.heredoc(rest)
		case c == '(' || c == '[' || c == '{':
			t.depth++
			t.at++
			if first {
				t.began = true
				return "(", 0
			}
		case c == ';' && t.depth == 0:
			t.ended = true
			t.at++
		case c == ')' || c == ']' || c == '}':
			t.depth--
			t.at++
		case isWord(c):
			n := 1
			for n < len(rest) && isWord(rest[n]) {
				n++
			}
			t.at += n
			t.began = true
			return rest[:n], t.depth
		default:
			t.at++
		}
		t.began = true
	}
	return "", 0
}

// blank passes over a space or a comment, if one is there.
func (t *tokens) blank(rest string) bool {
	switch c := rest[0]; {
	case isSpace(c):
		t.at++
	case strings.HasPrefix(rest, "--"), c == '#' && len(rest) > 1 && (rest[1] == ' ' || rest[1] == '!'):
		t.skipTo(rest, "\n", 1)
	case strings.HasPrefix(rest, "/*"):
		t.skipTo(rest, "*/", 2)
	default:
		return false
	}
	return true
}

// peek gives the sign that comes next; 0 at the end.
func (t *tokens) peek() byte {
	ahead := *t
	for ahead.at < len(ahead.text) {
		if rest := ahead.text[ahead.at:]; !ahead.blank(rest) {
			return rest[0]
		}
	}
	return 0
}

func (t *tokens) skipTo(rest, end string, from int) {
	if n := strings.Index(rest[from:], end); n >= 0 {
		t.at += from + n + len(end)
		return
	}
	t.at = len(t.text)
}

// quoted passes over a string or a quoted name: a doubled quote is two of them, a backslash keeps what follows.
func (t *tokens) quoted(quote byte) {
	for t.at++; t.at < len(t.text); t.at++ {
		switch t.text[t.at] {
		case '\\':
			t.at++
		case quote:
			t.at++
			return
		}
	}
	t.at = min(t.at, len(t.text))
}

// heredoc passes over $tag$…$tag$, or the sign alone.
func (t *tokens) heredoc(rest string) {
	n := 1
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	if n < len(rest) && rest[n] == '$' {
		if end := strings.Index(rest[n+1:], rest[:n+1]); end >= 0 {
			t.at += 2*(n+1) + end
			return
		}
	}
	t.at++
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
