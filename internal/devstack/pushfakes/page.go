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

// Page shows phones to a person: GET /phones a page, GET /phones.json the same as data, POST /phones/SERVICE makes a phone and answers with its token.
func Page(phones *Phones, servers []*Server) http.Handler {
	mux := http.NewServeMux()
	var services []string
	for _, s := range servers {
		services = append(services, s.Name())
	}
	mux.HandleFunc("GET /phones", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// A reader that goes away is no trouble of ours.
		_ = pageTemplate.Execute(w, map[string]any{"Screens": phones.Screens(), "Services": services, "At": "http://" + r.Host})
	})
	mux.HandleFunc("GET /phones.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(phones.Screens())
	})
	mux.HandleFunc("POST /phones/{service}", func(w http.ResponseWriter, r *http.Request) {
		i := slices.Index(services, r.PathValue("service"))
		if i < 0 {
			http.Error(w, fmt.Sprintf("there is no such service: want one of %v", services), http.StatusNotFound)
			return
		}
		fmt.Fprintln(w, servers[i].Token(servers[i].URL))
	})
	return mux
}
