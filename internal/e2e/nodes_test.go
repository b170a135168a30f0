package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/internal/endpoints"
	"annal/pkg/client"
	"annal/pkg/nodes"
)

// TestNodes: clients are told which gateway to connect to, follow to another when it is killed or ends, and lose nothing.
func TestNodes(t *testing.T) {
	d := annaltest.NewDeployment(t)
	gateways := []string{"gateway", "gateway-2", "gateway-3"}
	d.Serve(t, append(gateways, "sequencer", "hot")...)
	byNode := map[string]string{} // of what is announced, the process
	var servers []string
	for _, name := range gateways {
		f, err := endpoints.Read(d.Roles[name].File)
		if err != nil {
			t.Fatal(err)
		}
		byNode[f.WS], servers = name, append(servers, f.HTTP)
	}
	all := func() (all []nodes.Node) {
		t.Helper()
		if err := json.Unmarshal([]byte(annaltest.Run(t, "nodes", "--redis", d.Redis, "--prefix", d.Prefix, "--json")), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	wantNodes := func(when string, left ...string) {
		t.Helper()
		annaltest.Eventually(t, annaltest.Patience, func() error {
			var is []string
			for _, n := range all() {
				is = append(is, byNode[n.URL])
			}
			if slices.Sort(is); !slices.Equal(is, left) {
				return fmt.Errorf("%s the nodes are %q, want %q", when, is, left)
			}
			return nil
		})
	}
	wantNodes("at first", gateways...)
	connect := func(user string) *client.Client {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), annaltest.Patience)
		defer cancel()
		token := client.StaticToken(d.Token(t, user))
		l := client.NewLocator(token, "phone", servers...)
		c, err := client.Dial(ctx, client.Options{Locate: l.Locate, Reached: l.Reached, Token: token, Device: "phone", InFlight: 32})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	pair := annaltest.Meet(t, connect("alice"), connect("bob"))
	sent := 0
	send := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), annaltest.Patience)
		defer cancel()
		for range 20 {
			if _, err := pair.Alice.Send(ctx, pair.Session, fmt.Sprint("message ", sent)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	hear := func(from int) {
		t.Helper()
		for i := from; i < sent; {
			if text := annaltest.Next(t, pair.AtBob).GetSent().GetText(); text == fmt.Sprint("message ", i) {
				i++
			} else if text != "" {
				t.Fatalf("bob hears %q where %d is next", text, i)
			}
		}
	}
	send()
	hear(0)
	asked := func(user string) string {
		t.Helper()
		url, err := client.NewLocator(client.StaticToken(d.Token(t, user)), "phone", servers...).Locate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return url
	}
	first := asked("alice")
	if again := asked("alice"); again != first {
		t.Errorf("alice is told %s, and then %s", first, again)
	}
	killed := byNode[first]
	d.Roles[killed].Kill()
	began := time.Now()
	send()
	hear(20)
	t.Logf("%.1f s from the kill until bob had heard 20 more", time.Since(began).Seconds())
	left := slices.DeleteFunc(slices.Clone(gateways), func(name string) bool { return name == killed })
	wantNodes("after a while", left...)
	second := asked("alice")
	if second == first {
		t.Errorf("alice is told %s, which was killed", first)
	}
	d.Roles[byNode[second]].Stop()
	send()
	hear(40)
	wantNodes("in the end", slices.DeleteFunc(left, func(name string) bool { return name == byNode[second] })...)
}
