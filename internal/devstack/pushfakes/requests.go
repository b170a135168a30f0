package pushfakes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxRequests is how many requests are kept.
const maxRequests = 1000

// Request is a request as it came, whatever was answered.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// Requests are the newest ones that a fake got. Its methods are safe for use at once.
type Requests struct {
	mu  sync.Mutex
	all []Request
}

// Add keeps one.
func (q *Requests) Add(r *http.Request, body []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, Request{r.Method, r.URL.Path, r.Header.Clone(), bytes.Clone(body)})
	if len(q.all) > maxRequests {
		q.all = slices.Delete(q.all, 0, len(q.all)-maxRequests)
	}
}

// All gives them, the oldest first.
func (q *Requests) All() []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.all)
}

// Shape gives what requests of one kind have in common whoever made them: a line for the method and the path, one for each header but for those
// named, and one for each value of a JSON body, with its place and type. Tests compare by it what different clients send.
func (r Request) Shape(but ...string) []string {
	lines := []string{r.Method + " " + r.Path}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !slices.Contains(but, name) {
			lines = append(lines, strings.ToLower(name))
		}
	}
	var body any
	if json.Unmarshal(r.Body, &body) == nil {
		lines = shape(lines, "", body)
	}
	return lines
}

// Shape gives a line for each value of a JSON text, with its place and type; a text that is none is its own. Tests compare by it what a fake answers and what the
// vendor printed.
func Shape(text string) []string {
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return []string{text}
	}
	return shape(nil, "", value)
}

func shape(lines []string, at string, value any) []string {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			lines = shape(lines, at+"/"+key, v[key])
		}
		return lines
	case []any:
		for _, one := range v {
			lines = shape(lines, at+"/-", one)
		}
		return lines
	}
	return append(lines, fmt.Sprintf("%s %T", at, value))
}
