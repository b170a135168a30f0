package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

func parseSigning(name string, args []string, options map[string]string) events.Op {
	names := func(v string) []string {
		if v == "" {
			return nil
		}
		return strings.Split(v, ",")
	}
	switch name {
	case "sign_up":
		return events.SignUp{Method: args[0]}
	case "sign_in":
		most, _ := strconv.ParseUint(options["most"], 10, 32)
		return events.SignIn{Login: args[0], Device: args[1], Kind: args[2], Client: options["client"], Most: uint32(most)}
	case "sign_out":
		op := events.SignOut{Devices: args, Logins: names(options["login"]), All: options["all"] == "true", Except: options["except"], Reason: options["reason"]}
		if op.Reason == "" {
			op.Reason = events.SignOutLogout
		}
		return op
	case "ban":
		return events.Ban{Reason: argument(args, 0)}
	}
	return events.Unban{}
}

func printEnded(ended []events.EndedLogin) string {
	out := ""
	for _, l := range ended {
		out += fmt.Sprintf(", ended %s on %s", l.Login, l.Device)
	}
	return out
}

func printSigning(e events.Event) string {
	switch e := e.(type) {
	case events.SignedUp:
		return "signed up: " + e.Method
	case events.SignedIn:
		out := fmt.Sprintf("signed in as %s on %s (%s)", e.Login, e.Device, e.Kind)
		if e.First {
			out += ", the first time"
		}
		return out + printEnded(e.Ended)
	case events.SignedOut:
		return "signed out: " + e.Reason + printEnded(e.Ended)
	case events.Banned:
		return "banned" + printReason(e.Reason) + printEnded(e.Ended)
	case events.Unbanned:
		return "unbanned"
	case events.AccountClosed, events.Added, events.Asked, events.Audited, events.ContactChanged, events.Created, events.Deleted,
		events.Delivered, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Dismissed, events.Hidden, events.InfoSet, events.Invited, events.Joined, events.Left,
		events.Muted, events.Overridden, events.Pinned, events.PolicySet, events.Reacted, events.Read, events.Refused, events.Removed,
		events.Reported, events.Revoked, events.RoleSet, events.Sent, events.SessionSet, events.Uninvited:
	}
	return "nothing"
}

func drawSigning(t *rapid.T) events.Op {
	devices := []string{"a", "b", "c", "d"}
	device := rapid.SampledFrom(devices).Draw(t, "device")
	login := rapid.SampledFrom([]string{"l1", "l2", "l3", "l4", "l5", "l6"}).Draw(t, "login")
	reason := rapid.SampledFrom([]string{events.SignOutLogout, events.SignOutReuse}).Draw(t, "reason")
	switch rapid.IntRange(0, 8).Draw(t, "signing") {
	case 0:
		return events.SignUp{Method: "open"}
	case 1, 2, 3, 4:
		kind := rapid.SampledFrom([]string{"phone", "web"}).Draw(t, "kind")
		return events.SignIn{Login: login, Device: device, Kind: kind, Most: uint32(rapid.IntRange(0, 2).Draw(t, "most"))}
	case 5:
		return events.SignOut{Devices: []string{device}, Logins: []string{login}, Reason: reason}
	case 6:
		return events.SignOut{All: true, Except: rapid.SampledFrom([]string{"", login}).Draw(t, "except"), Reason: reason}
	case 7:
		return events.Ban{Reason: "spam"}
	default:
		return events.Unban{}
	}
}

// modelSigning is a user's logins by other means than the rules: a list in the order of coming.
type modelSigning struct {
	here             []events.SignIn
	push             map[string]bool
	signedUp, banned bool
	ever             bool
}

// ends takes those out that a condition names, and gives how they are told.
func (m *modelSigning) ends(gone func(i int, l events.SignIn) bool) (ended []events.EndedLogin) {
	var stay []events.SignIn
	for i, l := range m.here {
		if gone(i, l) {
			ended = append(ended, events.EndedLogin{Login: l.Login, Device: l.Device})
		} else {
			stay = append(stay, l)
		}
	}
	m.here = stay
	return ended
}

func (m *modelSigning) forget(ended []events.EndedLogin) {
	for _, l := range ended {
		delete(m.push, l.Device)
	}
}

// do gives the event or the code that must come of a command.
func (m *modelSigning) do(service bool, op events.Op) any {
	out, users := op.(events.SignOut)
	push, pushes := op.(events.SetDevice)
	if !service && !pushes && (!users || out.Reason != events.SignOutLogout) {
		return events.CodeNotAllowed
	}
	switch {
	case pushes && !push.Off:
		m.push[push.Device] = true
		return events.DeviceSet(push)
	case pushes:
		return events.CodeNoChange
	case users:
		ended := m.ends(func(_ int, l events.SignIn) bool {
			return out.All && l.Login != out.Except || slices.Contains(out.Devices, l.Device) || slices.Contains(out.Logins, l.Login)
		})
		if m.forget(ended); len(ended) > 0 {
			return events.SignedOut{Ended: ended, Reason: out.Reason}
		}
		return events.CodeNoChange
	}
	switch op := op.(type) {
	case events.SignUp:
		if !m.signedUp {
			m.signedUp = true
			return events.SignedUp(op)
		}
	case events.Ban:
		if !m.banned {
			m.banned = true
			ended := m.ends(func(int, events.SignIn) bool { return true })
			m.forget(ended)
			return events.Banned{Reason: op.Reason, Ended: ended}
		}
	case events.Unban:
		if m.banned {
			m.banned = false
			return events.Unbanned{}
		}
	case events.SignIn:
		return m.signIn(op)
	case events.Add, events.Ask, events.Audit, events.CloseAccount, events.Contact, events.Create, events.Delete, events.Dismiss, events.Hide,
		events.Invite, events.Join, events.Leave, events.MarkDelivered, events.MarkRead, events.Mute, events.Override, events.Pin, events.React,
		events.Refuse, events.Remove, events.Report, events.Revoke, events.Send, events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetInfo, events.SetPolicy,
		events.SetRole, events.SetSession, events.SignOut, events.Uninvite:
	}
	return events.CodeNoChange
}

func (m *modelSigning) signIn(op events.SignIn) any {
	if m.banned {
		return events.CodeAccountBanned
	}
	for _, l := range m.here {
		if l.Login == op.Login && l.Device == op.Device {
			return events.CodeNoChange
		} else if l.Login == op.Login {
			return events.CodeInvalidArgument
		}
	}
	ended := m.ends(func(i int, l events.SignIn) bool {
		if l.Device == op.Device {
			return true
		}
		younger := 0 // of the kind, and none of the device that is signed in on
		for _, o := range m.here[i+1:] {
			if o.Kind == op.Kind && o.Device != op.Device {
				younger++
			}
		}
		return op.Most > 0 && l.Kind == op.Kind && younger+1 >= int(op.Most)
	})
	m.forget(slices.DeleteFunc(slices.Clone(ended), func(l events.EndedLogin) bool { return l.Device == op.Device }))
	m.here = append(m.here, op)
	first := !m.ever
	m.ever = true
	return events.SignedIn{Login: op.Login, Device: op.Device, Kind: op.Kind, Client: op.Client, First: first, Ended: ended}
}

// TestSigningModel: rules and model agree on what comes of every command, and on what is there afterwards.
func TestSigningModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, m := newWorld(), modelSigning{push: map[string]bool{}}
		c := events.Command{Session: events.NewSelfID("u1"), Actor: events.Actor{User: "u1"}, ClientID: "self", Op: events.Create{Kind: events.KindSelf, Policy: testPolicy()}}
		if _, err := w.run(c); err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(1, 40).Draw(t, "commands") {
			c.ClientID, c.Actor.Service, c.Op = strconv.Itoa(i), rapid.SampledFrom([]string{"login", "login", ""}).Draw(t, "service"), drawSigning(t)
			if rapid.IntRange(0, 4).Draw(t, "push") == 0 {
				c.Op = events.SetDevice{Device: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "pushed")}
			}
			o, err := w.run(c)
			if err != nil {
				t.Fatal(err)
			}
			var got any = events.CodeMalformed
			switch r := o.Result.(type) {
			case events.Accepted:
				got = r.Event
			case events.Answered:
				got = r.Code
			case events.Rejected:
				got = r.Code
			}
			if want := m.do(c.Actor.Service != "", c.Op); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
				t.Fatalf("%s %#v:\n%#v, not\n%#v", c.Actor.Service, c.Op, got, want)
			}
			m.check(t, w.table(c.Session))
		}
		if err := w.checkReplay(); err != nil {
			t.Fatal(err)
		}
	})
}

func (m *modelSigning) check(t *rapid.T, rows table) {
	h := rows.head()
	if int(h.Logins) != len(m.here) || int(h.Devices) != len(m.push) || h.Banned != m.banned || h.SignedUp != m.signedUp {
		t.Fatalf("%+v, not %+v", h, m)
	}
	for _, l := range m.here {
		if row, _ := rows[events.LoginKey(l.Device)].(events.LoginRow); row.Login != l.Login || row.Kind != l.Kind {
			t.Fatalf("%+v, not %+v", row, l)
		}
	}
}

// TestMostLogins: beyond what a user may have the oldest end, whatever their kind.
func TestMostLogins(t *testing.T) {
	w := newWorld()
	c := events.Command{Session: events.NewSelfID("u1"), Actor: events.Actor{User: "u1", Service: "login"}, ClientID: "self", Op: events.Create{Kind: events.KindSelf, Policy: testPolicy()}}
	if _, err := w.run(c); err != nil {
		t.Fatal(err)
	}
	for i := range events.MaxLogins + 2 {
		name := strconv.Itoa(i)
		c.ClientID, c.Op = "in-"+name, events.SignIn{Login: name, Device: name, Kind: events.DeviceKinds()[i%5]}
		o, err := w.run(c)
		if err != nil {
			t.Fatal(err)
		}
		var want []events.EndedLogin
		if i >= events.MaxLogins {
			oldest := strconv.Itoa(i - events.MaxLogins)
			want = []events.EndedLogin{{Login: oldest, Device: oldest}}
		}
		if got := o.Result.(events.Accepted).Event.(events.SignedIn).Ended; !slices.Equal(got, want) {
			t.Errorf("sign-in %d ended %v, not %v", i, got, want)
		}
	}
	if n := w.table(c.Session).head().Logins; n != events.MaxLogins {
		t.Errorf("%d logins", n)
	}
}
