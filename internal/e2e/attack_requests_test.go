package e2e

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"annal/internal/annaltest"
	"annal/pkg/events"
	"annal/pkg/gateway/rest"
	"annal/pkg/login"
)

// injected is what must never begin a line of an answer's headers or of a log.
const injected = "Injected: by-mallory"

func sha(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// address is host:port of a server.
func addressOf(s *annaltest.Server) string { return strings.TrimPrefix(s.At.HTTP, "http://") }

// exchange says bytes to a server and gives all that it answers, until it closes.
func exchange(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(annaltest.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		return "" // it was closed before all was said
	}
	answer, _ := io.ReadAll(conn) // a reset is an end, too
	return string(answer)
}

// splitLines: line ends and odd characters in all that can be said end no header, no request and no line of a log.
func (g *siege) splitLines(t *testing.T) {
	whole := func(what, answer string) {
		t.Helper()
		if head, _, _ := strings.Cut(answer, "\r\n\r\n"); strings.Contains(head, "\n"+injected) || strings.Contains(head, "\r"+injected) {
			t.Errorf("%s: the answer has a header of mallory's:\n%s", what, head)
		}
		if n := strings.Count(answer, "HTTP/1.1 "); n > 1 {
			t.Errorf("%s: %d answers to one request:\n%s", what, n, answer)
		}
	}
	g.nothingWritten(t, func() {
		for _, server := range []string{"gateway", "login"} {
			at := addressOf(g.Roles[server])
			for what, header := range map[string]string{
				"a NUL": "X-A: a\x00b", "a bare CR": "X-A: a\r" + injected, "a folded line": "X-A: a\r\n " + injected, "a control character": "X-A: a\x01b", "a name with a space": "X A: b",
				"two lengths": "Content-Length: 3\r\nContent-Length: 4", "a length and chunks": "Content-Length: 3\r\nTransfer-Encoding: chunked, identity",
				"a host with a line end": "Host: a\x0b" + injected, "two hosts": "Host: evil.example", "no such encoding": "Transfer-Encoding: xchunked",
			} {
				answer := exchange(t, at, "GET /v1/node HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+header+"\r\n\r\n")
				whole(server+": "+what, answer)
				if status, _, _ := strings.Cut(answer, "\r\n"); !strings.HasPrefix(status, "HTTP/1.1 4") && !strings.HasPrefix(status, "HTTP/1.1 501") {
					t.Errorf("%s: %s in a header is answered with %q", server, what, status)
				}
			}
		}
		split := url.QueryEscape("x\r\n" + injected)
		for what, path := range map[string]string{
			"a client's id": login.PathAuthorize + "?client_id=" + split, "where to go back": login.PathAuthorize + "?client_id=app&response_type=code&state=" + split + "&redirect_uri=" + split,
			"a hint": login.PathLogout + "?id_token_hint=" + split + "&post_logout_redirect_uri=" + split + "&state=" + split, "a path": "/" + split,
		} {
			whole(what, exchange(t, addressOf(g.Roles["login"]), "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://evil.example"+"\r\n\r\n"))
		}
		whole("a device", exchange(t, addressOf(g.Roles["gateway"]),
			"GET "+rest.NodePath+"?device="+split+"&failed="+split+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+g.mallory+"\r\n\r\n"))
		name := "x\r\n" + injected
		g.wantOAuth(t, "a name", "invalid_grant", "grant_type", "password", "client_id", "app", "username", name, "password", name)
		g.wantOAuth(t, "a client", "invalid_client", "grant_type", "password", "client_id", name, "username", name, "password", name)
		g.wantOAuth(t, "a device", "invalid_request", "grant_type", "password", "client_id", "app", "username", "mallory", "password", testPassword, "device", name)
		g.wantOAuth(t, "a grant", "unsupported_grant_type", "grant_type", name, "client_id", "app")
	})
	r := rawSocket(t, g.Roles["gateway"])
	r.says(websocket.TextMessage, fmt.Sprintf(`{"id":"h","hello":{"token":%q,"device":%q,"client_version":%q}}`, g.mallory, "phone", "x\r\n"+injected))
	if m, err := r.hears(); err != nil || m.GetWelcome() == nil {
		t.Fatalf("hello: %v, %v", m, err)
	}
	ack := r.acked(`{"id":"1","client_id":"c","create":{"kind":"KIND_GROUP","name":"x\u2028` + injected + `"}}`)
	for _, odd := range []string{`x\r\n` + injected, `x\u0000`, `x\u2028` + injected} {
		r.says(websocket.TextMessage, fmt.Sprintf(`{"id":"2","client_id":"%s","send":{"session":"%s","text":"x"}}`, odd, ack.GetSession()))
		if m, err := r.hears(); err != nil || m.GetId() != "2" || m.GetError() == nil {
			t.Errorf("a client id %q: %v, %v", odd, m, err)
		}
	}
}

// logLines: each line of each log is one that its process wrote.
func (g *siege) logLines(t *testing.T) {
	for name, p := range g.Roles {
		lines := bufio.NewScanner(strings.NewReader(p.Log()))
		lines.Buffer(nil, 1<<20)
		n := 0
		for ; lines.Scan(); n++ {
			if !strings.HasPrefix(lines.Text(), "time=") {
				t.Errorf("%s has the line %.200q", name, lines.Text())
			}
			if strings.Contains(lines.Text(), testPassword) || strings.Contains(lines.Text(), g.mallory) {
				t.Errorf("%s tells a secret: %.200q", name, lines.Text())
			}
		}
		if err := lines.Err(); err != nil || n == 0 {
			t.Errorf("%s: %d lines, %v", name, n, err)
		}
	}
}

// oversize: what is too large is refused before anybody keeps it.
func (g *siege) oversize(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	g.nothingWritten(t, func() {
		for _, server := range []string{"gateway", "login"} {
			answer := exchange(t, addressOf(g.Roles[server]), "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: "+large[:80<<10]+"\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 431") && answer != "" {
				t.Errorf("%s: a header of 80 KiB is answered with %.100q", server, answer)
			}
		}
		for path, values := range map[string][]string{
			login.PathToken: {"grant_type", "password", "client_id", "app", "username", large, "password", "x"}, login.PathRevoke: {"token", large, "client_id", "app"},
		} {
			form := url.Values{}
			for i := 0; i < len(values); i += 2 {
				form.Set(values[i], values[i+1])
			}
			w, err := http.PostForm(g.issuer+path, form)
			if err != nil {
				continue // it was closed before all was said
			}
			w.Body.Close()
			if w.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: a body of 1 MiB is answered with %s", path, w.Status)
			}
		}
		if status, body := g.asJSON(t, login.PathSignUp, "", map[string]string{"user": "carol", "password": large}); status != http.StatusBadRequest {
			t.Errorf("signing up with a body of 1 MiB: %d, %v", status, body)
		}
		r := rawSocket(t, g.Roles["gateway"])
		r.welcomed(g.mallory)
		r.says(websocket.TextMessage, `{"id":"1","client_id":"c","send":{"session":"x","text":"`+large+`"}}`)
		r.closed("a frame of over 1 MiB", events.CodeFrameTooLarge)
	})
}
