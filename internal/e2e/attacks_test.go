package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"annal/internal/annaltest"
	"annal/pkg/accounts"
	"annal/pkg/client"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway/rest"
	"annal/pkg/login"
)

const (
	attackIssuer = "https://id.example"
	attackOrigin = "https://chat.example"
	foreign      = "https://evil.example"
)

// siege is a deployment under attack: ann and bob talk in session, mallory signs in like anybody.
type siege struct {
	*signing
	log     eventlog.Log
	session string
	ann     *raw
	sent    int
	mallory string
}

// TestAttacks: each attack on login and a gateway as they are deployed is refused with its code and leaves nothing in the log or the accounts, and
// those who attack nobody are served.
func TestAttacks(t *testing.T) {
	t.Parallel()
	g := &siege{signing: deploySigning(t, "--issuer", attackIssuer, "--origins", attackOrigin, "--log-level", "debug")}
	g.log = g.Open(t).Log
	for _, user := range []string{"ann", "bob", "mallory"} {
		g.mustSignUp(t, user)
	}
	g.mallory = text(g.password(t, "mallory", "phone"), "access_token")
	g.ann = rawSocket(t, g.Roles["gateway"])
	g.ann.welcomed(text(g.password(t, "ann", "phone"), "access_token"))
	g.session = g.ann.acked(`{"id":"1","client_id":"c","create":{"kind":"KIND_DIRECT","members":[{"user":"bob"}]}}`).GetSession()
	// The slow are slow from here on, while the others go on.
	slow := g.slowly(t)
	t.Run("forged tokens", g.forgedTokens)
	t.Run("foreign origins", g.foreignOrigins)
	t.Run("beyond a token", g.beyondToken)
	t.Run("guessed ids", g.guessedIDs)
	t.Run("split lines", g.splitLines)
	t.Run("oversize", g.oversize)
	t.Run("sign-ups", g.signUps)
	t.Run("replays", g.replays)
	t.Run("slow requests", slow)
	t.Run("password spray", g.spray)
	t.Run("log lines", g.logLines)
}

// ends are how many commands and events there are.
func (g *siege) ends(t *testing.T) (all [2]int64) {
	t.Helper()
	for i, topic := range []eventlog.Topic{eventlog.Commands, eventlog.Events} {
		for p := range int32(annaltest.Partitions) {
			_, end, err := g.log.Bounds(t.Context(), topic, p)
			if err != nil {
				t.Fatal(err)
			}
			all[i] += end
		}
	}
	return all
}

// people are all accounts, logins, clients, codes and invitations, as texts.
func (g *siege) people(t *testing.T) string {
	t.Helper()
	table := g.accounts(t)
	var all []string
	for _, kind := range []accounts.Kind{accounts.KindAccount, accounts.KindGrant, accounts.KindClient, accounts.KindCode, accounts.KindInvitation} {
		table.Each(kind, func(e *accounts.Entry) bool {
			all = append(all, string(kind)+" "+e.String())
			return true
		})
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// nothingWritten has attacks made, and sees that they left nothing: what ann says afterwards is the next that is written.
func (g *siege) nothingWritten(t *testing.T, attack func()) {
	t.Helper()
	before, people := g.settled(t), g.people(t)
	attack()
	g.annSays(t)
	if after, want := g.settled(t), [2]int64{before[0] + 1, before[1] + 1}; after != want {
		t.Errorf("there are %v commands and events, want %v", after, want)
	}
	if after := g.people(t); after != people {
		t.Errorf("the accounts are\n%s\nwant\n%s", after, people)
	}
}

// settled are the ends once each command has its event.
func (g *siege) settled(t *testing.T) (all [2]int64) {
	t.Helper()
	annaltest.Eventually(t, annaltest.Patience, func() error {
		before := g.ends(t)
		decided, err := g.Roles["sequencer"].Metric(t.Context(), "annal_sequencer_outcomes_total")
		if err != nil {
			return err
		}
		if all = g.ends(t); all != before || decided != float64(all[0]) {
			return fmt.Errorf("%v commands are decided, the ends are %v", decided, all)
		}
		return nil
	})
	return all
}

// annListens has ann's connection belong to a test, and wait as long as one does.
func (g *siege) annListens(t *testing.T) {
	t.Helper()
	g.ann.t = t
	if err := g.ann.ws.SetReadDeadline(time.Now().Add(annaltest.Patience)); err != nil {
		t.Fatal(err)
	}
}

func (g *siege) annSays(t *testing.T) {
	t.Helper()
	g.sent++
	g.annListens(t)
	g.ann.acked(fmt.Sprintf(`{"id":"s%d","client_id":"s%d","send":{"session":%q,"text":"still here"}}`, g.sent, g.sent, g.session))
}

// get asks with a bearer token, and gives the code of the answer.
func get(t *testing.T, url, token string, headers ...string) (status int, code string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	var body struct{ Code string }
	_ = json.NewDecoder(w.Body).Decode(&body) // some answers are plain text, which have no code
	return w.StatusCode, body.Code
}

// foreignOrigins: pages of strangers get nowhere, with a good token as well.
func (g *siege) foreignOrigins(t *testing.T) {
	g.nothingWritten(t, func() {
		for _, origin := range []string{foreign, "null", "http://chat.example", attackOrigin + ".evil.example", attackOrigin + ":444"} {
			dialer := websocket.Dialer{Subprotocols: []string{"annal.v1.json"}, HandshakeTimeout: annaltest.Patience}
			c, resp, err := dialer.DialContext(t.Context(), g.Roles["gateway"].At.WS, http.Header{"Origin": {origin}})
			if err == nil {
				c.Close()
			}
			if resp == nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("a socket from a page of %s: %v, %v", origin, resp, err)
			}
			for what, url := range map[string]string{"a node": g.Roles["gateway"].At.HTTP + rest.NodePath, "userinfo": g.issuer + login.PathUserinfo} {
				if status, _ := get(t, url, g.mallory, "Origin", origin); status != http.StatusForbidden {
					t.Errorf("%s for a page of %s: %d", what, origin, status)
				}
			}
		}
	})
	dialer := websocket.Dialer{Subprotocols: []string{"annal.v1.json"}, HandshakeTimeout: annaltest.Patience}
	c, resp, err := dialer.DialContext(t.Context(), g.Roles["gateway"].At.WS, http.Header{"Origin": {attackOrigin}})
	if err != nil {
		t.Fatalf("a page of ours: %v, %v", resp, err)
	}
	c.Close()
}

// beyondToken: people do nothing that services do, and services nothing beyond their scopes.
func (g *siege) beyondToken(t *testing.T) {
	user := rawSocket(t, g.Roles["gateway"])
	user.welcomed(g.mallory)
	secret := strings.TrimSpace(g.annal(t, "", "service", "add", "reader", "--scopes", "read"))
	token, err := client.LoginServer{URL: g.issuer, Client: "reader", Secret: secret}.Service().Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (client.LoginServer{URL: g.issuer, Client: "reader", Secret: secret, Scopes: []string{"accounts"}}).Service().Token(t.Context()); err == nil {
		t.Error("a service gets a token for more than its scopes")
	}
	service := rawSocket(t, g.Roles["gateway"])
	service.welcomed(token)
	send := fmt.Sprintf(`"send":{"session":%q,"text":"x"}`, g.session)
	g.nothingWritten(t, func() {
		for i, op := range []string{
			`"as_user":"ann",` + send, `"as_user":"ann","sync":{}`, `"origin_time_ms":"1",` + send, `"sign_in":{"login":"l","device":"d","kind":"phone"}`, `"sign_up":{"method":"open"}`,
			`"ban":{"reason":"x"}`, `"unban":{}`, `"as_user":"ann","ban":{}`, `"sign_out":{"all":true,"reason":"admin"}`, `"create":{"kind":"KIND_GROUP","base":"7"}`,
		} {
			user.refused(commandOf(i, op), fmt.Sprint(i), events.CodeServiceTokenRequired)
		}
		for i, op := range []string{
			`"as_user":"ann",` + send, send, `"as_user":"ann","ban":{}`, `"as_user":"ann","sign_in":{"login":"l","device":"d","kind":"phone"}`, `"as_user":"ann","close_account":{}`,
			`"as_user":"ann","sign_out":{"all":true}`, `"as_user":"ann","origin_time_ms":"1",` + send, `"as_user":"ann","create":{"kind":"KIND_GROUP"}`,
		} {
			service.refused(commandOf(i, op), fmt.Sprint(i), events.CodeScopeRequired)
		}
	})
}

func commandOf(id int, op string) string {
	if strings.Contains(op, `"sync"`) {
		return fmt.Sprintf(`{"id":"%d",%s}`, id, op)
	}
	return fmt.Sprintf(`{"id":"%d","client_id":"x%d",%s}`, id, id, op)
}

// guessedIDs: who is in no session gets nothing of it, and learns nothing of its messages. What they try is in the log as refused, and no event.
func (g *siege) guessedIDs(t *testing.T) {
	r := rawSocket(t, g.Roles["gateway"])
	r.welcomed(g.mallory)
	before := g.history(t)
	ids := 0
	ask := func(session, op string, want events.Code) {
		t.Helper()
		ids++
		r.refused(fmt.Sprintf(`{"id":"g%d",%s}`, ids, strings.ReplaceAll(op, "SESSION", session)), fmt.Sprint("g", ids), want)
	}
	for session, want := range map[string]events.Code{g.session: events.CodeNotAMember, g.session[:len(g.session)-1] + "_": events.CodeNoSuchSession, "g_1": events.CodeNoSuchSession} {
		for _, query := range []string{
			`"history":{"session":"SESSION"}`, `"subscribe":{"session":"SESSION"}`, `"members":{"session":"SESSION"}`, `"info":{"session":"SESSION"}`, `"changes":{"session":"SESSION","after":"0"}`,
			// Of messages that are there as of those that are not.
			`"receipts":{"session":"SESSION","seq":"2"}`, `"receipts":{"session":"SESSION","seq":"99"}`,
			`"client_id":"N1","send":{"session":"SESSION","text":"x"}`, `"client_id":"N2","revoke":{"session":"SESSION","seq":"2"}`, `"client_id":"N3","revoke":{"session":"SESSION","seq":"99"}`,
			`"client_id":"N4","react":{"session":"SESSION","seq":"2","emoji":"x"}`, `"client_id":"N5","mark_read":{"session":"SESSION","seq":"2"}`, `"client_id":"N6","mark_read":{"session":"SESSION","seq":"99"}`,
			`"client_id":"N7","report":{"session":"SESSION","seq":"2","reason":"x"}`,
		} {
			ask(session, query, want)
		}
	}
	if after := g.history(t); after != before {
		t.Errorf("ann sees %d events, after the guesses %d", before, after)
	}
}

// history is how many events ann sees.
func (g *siege) history(t *testing.T) int {
	t.Helper()
	g.annListens(t)
	g.ann.says(websocket.TextMessage, fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, g.session))
	m, err := g.ann.hears()
	if err != nil || m.GetHistory() == nil {
		t.Fatalf("history: %v, %v", m, err)
	}
	return len(m.GetHistory().GetEvents())
}
