package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/internal/endpoints"
	"annal/pkg/events"
	"annal/pkg/login"
)

const (
	webCallback  = "https://chat.example/callback"
	testPassword = "correct horse"
)

// signing is a deployment with a login server, and what it is reached by.
type signing struct {
	*annaltest.Deployment
	issuer string
}

// deploySigning serves every role, and login with its keys, in processes of their own.
func deploySigning(t *testing.T, settings ...string) *signing {
	t.Helper()
	return signingOn(t, annaltest.NewDeployment(t), []string{"gateway", "login"}, settings...)
}

// signingOn is deploySigning on a deployment that no role serves yet, with these gateways and login servers.
func signingOn(t *testing.T, d *annaltest.Deployment, servers []string, settings ...string) *signing {
	t.Helper()
	d.Serve(t, "sequencer", "hot", "steward")
	for _, name := range servers {
		d.Launch(t, name, append([]string{"--sign-up", "open"}, settings...)...)
	}
	for _, name := range servers {
		d.Roles[name].AwaitReady(t)
	}
	at, err := endpoints.Read(d.Roles["login"].File)
	if err != nil {
		t.Fatal(err)
	}
	return &signing{d, at.HTTP}
}

// annal runs a command on the deployment.
func (s *signing) annal(t *testing.T, in string, args ...string) string {
	t.Helper()
	p := annaltest.Start(t, args[0], strings.NewReader(in), append(args, "--endpoints", s.File())...)
	return string(p.Wait(time.Minute))
}

// oauth posts a form to the token endpoint.
func (s *signing) oauth(t *testing.T, values ...string) (status int, body map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if err := json.NewDecoder(w.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, body
}

// password signs a user in on a device.
func (s *signing) password(t *testing.T, user, device string) map[string]any {
	t.Helper()
	status, body := s.oauth(t, "grant_type", "password", "client_id", "app", "username", user, "password", testPassword, "device", device, "device_kind", "phone")
	if status != http.StatusOK {
		t.Fatalf("%s signs in: %d, %v", user, status, body)
	}
	return body
}

// signUp has somebody sign up.
func (s *signing) signUp(ctx context.Context, user string) error {
	content := fmt.Sprintf(`{"user":%q,"password":%q}`, user, testPassword)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.issuer+login.PathSignUp, strings.NewReader(content))
	if err != nil {
		return err
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	if w.Body.Close(); w.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s signs up: %s", user, w.Status)
	}
	return nil
}

func (s *signing) mustSignUp(t *testing.T, user string) {
	t.Helper()
	if err := s.signUp(t.Context(), user); err != nil {
		t.Fatal(err)
	}
}

func text(body map[string]any, name string) string {
	s, _ := body[name].(string)
	return s
}

// outside is a program in a language of another client.
func outside(t *testing.T, name string, script ...string) *exec.Cmd {
	t.Helper()
	clients, err := devstack.Cached("clients")
	if err != nil {
		t.Fatal(err)
	}
	if name == "python" {
		name = filepath.Join(clients, "venv", "bin", "python")
	}
	// It is to end by itself, after the test.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, script...)
	cmd.Env = append(os.Environ(), "CLIENTS="+clients)
	return cmd
}

// TestOutsideClients: clients that others wrote, in other languages, sign in.
func TestOutsideClients(t *testing.T) {
	s := deploySigning(t)
	secret := strings.TrimSpace(s.annal(t, "", "service", "add", "web", "--name", "Web chat", "--redirect", webCallback))
	serviceSecret := strings.TrimSpace(s.annal(t, "", "service", "add", "bridge", "--scopes", "read,write"))
	for name, command := range map[string][]string{"openid-client": {"node", "login/client.mjs"}, "authlib": {"python", "login/client.py"}} {
		t.Run(name, func(t *testing.T) {
			user := map[string]string{"openid-client": "ann", "authlib": "bob"}[name]
			s.annal(t, testPassword+"\n", "user", "create", user)
			task, err := json.Marshal(map[string]string{
				"issuer": s.issuer, "redirect": webCallback, "user": user, "password": testPassword, "secret": secret, "serviceSecret": serviceSecret,
			})
			if err != nil {
				t.Fatal(err)
			}
			cmd := outside(t, command[0], command[1])
			var complaints bytes.Buffer
			cmd.Stdin, cmd.Stderr = bytes.NewReader(task), &complaints
			printed, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, complaints.String(), s.Roles["login"].Log())
			}
			var got struct {
				Code                                           struct{ Sub, Access, User, URL string }
				Userinfo, Refreshed, Replayed, Code2, Password string
				AfterRevocation, Wrong, Service, Beyond        string
				Introspected, AfterReplay                      bool
			}
			if err := json.Unmarshal(printed, &got); err != nil {
				t.Fatalf("%v in %s", err, printed)
			}
			if got.Code.Sub != user || got.Code.User != user || got.Userinfo != user || !got.Introspected || got.AfterReplay || got.Replayed != "invalid_grant" ||
				got.Code2 != "invalid_grant" || got.AfterRevocation != "invalid_grant" || got.Wrong != "invalid_grant" || got.Beyond != "invalid_scope" {
				t.Errorf("%s", printed)
			}
			at, err := endpoints.Read(s.File())
			if err != nil || got.Code.URL != at.WS {
				t.Errorf("told to connect to %q, not to %q (%v)", got.Code.URL, at.WS, err)
			}
			// The login of the code was ended by a replay; that of the password by its client.
			for what, token := range map[string]string{"a code's token": got.Code.Access, "a password's token": got.Password} {
				r := rawSocket(t, s.Roles["gateway"])
				r.hello(token)
				r.closed(what+", whose login has ended", events.CodeLoginEnded)
			}
			rawSocket(t, s.Roles["gateway"]).welcomed(got.Service)
		})
	}
}

// TestOutsideIssuer: a gateway takes the tokens of an OpenID provider that others wrote.
func TestOutsideIssuer(t *testing.T) {
	cmd := outside(t, "node", "login/issuer.mjs")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	outPipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, outPipe) // until it has ended
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(outPipe).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var issuer struct{ URL, Good, Audience, Group, Expired string }
	if err := json.Unmarshal(line, &issuer); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "issuers.yaml")
	mapping := fmt.Sprintf("- issuer: %s\n  audience: chat\n  user: preferred_username\n  prefix: 'corp:'\n  require: {groups: staff}\n", issuer.URL)
	if err := os.WriteFile(file, []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	s := deploySigning(t, "--issuers", file)
	outsider := annaltest.Connect(t, s.File(), issuer.Good, "")
	if outsider.User() != "corp:ann" {
		t.Errorf("the issuer's ann is %q", outsider.User())
	}
	s.annal(t, testPassword+"\n", "user", "create", "bob")
	bob := annaltest.Connect(t, s.File(), text(s.password(t, "bob", "test"), "access_token"), "")
	pair := annaltest.Meet(t, outsider, bob)
	if _, err := outsider.Send(t.Context(), pair.Session, "from elsewhere"); err != nil {
		t.Error(err)
	}
	for what, forged := range map[string]struct {
		token string
		code  events.Code
	}{
		"for another audience": {issuer.Audience, events.CodeBadToken}, "not of the group": {issuer.Group, events.CodeBadToken}, "expired": {issuer.Expired, events.CodeTokenExpired},
	} {
		r := rawSocket(t, s.Roles["gateway"])
		r.hello(forged.token)
		r.closed(what, forged.code)
	}
}
