package pushfakes

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
)

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("phones").Parse(page))

// Newest are the notifications on the screen, the newest first.
func (s Screen) Newest() []Shown {
	all := slices.Clone(s.Shown)
	slices.Reverse(all)
	return all
}

// pagePolicy lets a browser apply the page's own style, and nothing else.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

// maxFault is how much a fault may have, as JSON.
const maxFault = 64 << 10

// Page shows phones to a person: GET /phones a page, GET /phones.json the same as data, POST /phones/SERVICE makes a phone and answers with its token.
// POST /phones/SERVICE/faults has a Fault, as JSON, go wrong there; DELETE ends all of the service's.
func Page(phones *Phones, servers []*Server) http.Handler {
	mux := http.NewServeMux()
	var services []string
	for _, s := range servers {
		services = append(services, s.Name())
	}
	mux.HandleFunc("GET /phones", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", pagePolicy)
		// A reader that goes away is no trouble of ours.
		_ = pageTemplate.Execute(w, map[string]any{"Screens": phones.Screens(), "Services": services, "At": "http://" + r.Host})
	})
	mux.HandleFunc("GET /phones.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(phones.Screens())
	})
	of := func(do func(*Server, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			i := slices.Index(services, r.PathValue("service"))
			if i < 0 {
				http.Error(w, fmt.Sprintf("there is no such service: want one of %v", services), http.StatusNotFound)
				return
			}
			do(servers[i], w, r)
		}
	}
	mux.HandleFunc("POST /phones/{service}", of(func(s *Server, w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, s.Token(s.URL)) }))
	mux.HandleFunc("POST /phones/{service}/faults", of(func(s *Server, w http.ResponseWriter, r *http.Request) {
		var f Fault
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFault)).Decode(&f); err != nil || f.Name == "" {
			http.Error(w, "want a fault as JSON, with its name", http.StatusBadRequest)
			return
		}
		s.Faults().Add(f)
	}))
	mux.HandleFunc("DELETE /phones/{service}/faults", of(func(s *Server, _ http.ResponseWriter, _ *http.Request) { s.Faults().Clear() }))
	return mux
}
