package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"annal/internal/annaltest"
)

// secure is a gateway with TLS, whose certificate may be replaced.
type secure struct {
	*testing.T
	d         *annaltest.Deployment
	cert, key string
	roots     *x509.CertPool
}

func newSecure(t *testing.T) *secure {
	dir := t.TempDir()
	s := &secure{T: t, d: annaltest.NewDeployment(t), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), roots: x509.NewCertPool()}
	s.replace("first")
	s.d.Serve(t, "sequencer", "hot")
	s.d.Launch(t, "gateway", "--tls-cert", s.cert, "--tls-key", s.key, "--origins", "https://chat.example,https://other.example:8443")
	s.d.Roles["gateway"].AwaitReady(t)
	return s
}

func (s *secure) replace(name string) {
	s.Helper()
	cert, key := annaltest.Certificate(s.T, name, time.Now().Add(time.Hour))
	s.roots.AppendCertsFromPEM(cert)
	for file, content := range map[string][]byte{s.cert: cert, s.key: key} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			s.Fatal(err)
		}
	}
}

// dial connects from a page of an origin, none for no browser, and gives whose certificate was shown. Without a connection it gives the
// status.
func (s *secure) dial(origin string) (conn *websocket.Conn, name string, status int) {
	s.Helper()
	d := websocket.Dialer{HandshakeTimeout: 10 * time.Second, Subprotocols: []string{"annal.v1.json"}, TLSClientConfig: &tls.Config{RootCAs: s.roots}}
	headers := http.Header{}
	if origin != "" {
		headers.Set("Origin", origin)
	}
	conn, resp, err := d.DialContext(s.Context(), s.d.Roles["gateway"].At.WS, headers)
	if err != nil {
		if resp == nil {
			s.Fatal(err)
		}
		return nil, "", resp.StatusCode
	}
	s.Cleanup(func() { _ = conn.Close() })
	return conn, conn.NetConn().(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName, resp.StatusCode
}

// welcome says hello on a connection, which must be welcome.
func (s *secure) welcome(conn *websocket.Conn, token string) {
	s.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"id":"1","hello":{"token":"`+token+`","device":"web"}}`)); err != nil {
		s.Fatal(err)
	}
	for { // notices may come before
		_, frame, err := conn.ReadMessage()
		if err != nil {
			s.Fatal(err)
		}
		if strings.Contains(string(frame), `"welcome"`) {
			return
		}
		if !strings.Contains(string(frame), `"notice"`) {
			s.Fatalf("hello was answered with %s", frame)
		}
	}
}

// TestTLS: a gateway speaks TLS alone, takes pages of its origins and no others, and shows a new certificate once the files were replaced,
// while connections live on.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := newSecure(t)
	at := s.d.Roles["gateway"].At
	if !strings.HasPrefix(at.WS, "wss://") || !strings.HasPrefix(at.HTTP, "https://") {
		t.Fatalf("it says that it is at %s and %s", at.WS, at.HTTP)
	}
	token := s.d.Token(t, "alice")
	old, name, _ := s.dial("https://chat.example")
	if name != "first" {
		t.Errorf("it shows the certificate of %q", name)
	}
	s.welcome(old, token)
	for origin, want := range map[string]int{
		"https://evil.example": http.StatusForbidden, "http://chat.example": http.StatusForbidden, "https://chat.example.evil.example": http.StatusForbidden, "null": http.StatusForbidden,
		"https://other.example:8443": http.StatusSwitchingProtocols, "": http.StatusSwitchingProtocols,
	} {
		if _, _, status := s.dial(origin); status != want {
			t.Errorf("from origin %q: %d, want %d", origin, status, want)
		}
	}
	s.replace("second")
	annaltest.Eventually(t, annaltest.Patience, func() error {
		conn, name, _ := s.dial("")
		if conn == nil || name != "second" {
			return os.ErrNotExist
		}
		s.welcome(conn, token)
		return nil
	})
	s.welcome(old, token) // which renews the token
	annaltest.Run(t, "health", "--tls", "--http", strings.TrimPrefix(at.HTTP, "https://"))
	plain, err := http.Get("http" + strings.TrimPrefix(at.HTTP, "https") + "/metrics")
	if err == nil {
		defer plain.Body.Close()
		if plain.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS it answers %s", plain.Status)
		}
	}
}
