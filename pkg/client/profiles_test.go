package client_test

import (
	"fmt"
	"strings"
	"testing"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/client/clienttest"
)

// TestProfiles: of any number of users, some of whom say more than a gateway tells at once; and what one device says the others hear.
func TestProfiles(t *testing.T) {
	s := clienttest.Serve(t)
	laptop := s.Dial(s.Options("big0"))
	heard, err := laptop.SubscribeSelf(within(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	fields := make([]*logv1.CustomField, 50)
	for i := range fields {
		fields[i] = &logv1.CustomField{Name: fmt.Sprint(i), Value: strings.Repeat("x", 1024)}
	}
	users := make([]string, 0, 240)
	for i := range 12 { // 50 KiB each
		who := fmt.Sprint("big", i)
		name := "Big " + who
		if _, err := s.Dial(s.Options(who)).SetProfile(within(t), &logv1.ProfileChange{Name: &name, Custom: fields}); err != nil {
			t.Fatal(err)
		}
		users = append(users, who)
	}
	for i := len(users); i < cap(users); i++ {
		users = append(users, fmt.Sprint("nobody", i))
	}
	profiles, err := laptop.Profiles(within(t), users...)
	if err != nil || len(profiles) != len(users) {
		t.Fatalf("%d profiles of %d users, %v", len(profiles), len(users), err)
	}
	for i, u := range users {
		want := ""
		if i < 12 {
			want = "Big " + u
		}
		if got := profiles[u]; got.GetName() != want || want != "" && len(got.GetCustom()) != 50 {
			t.Errorf("%s says %q and %d fields, want %q", u, got.GetName(), len(got.GetCustom()), want)
		}
	}
	if got := changes(t, heard, 2); got != "*clientv1.Event_Created; *clientv1.Event_ProfileSet; " {
		t.Errorf("the laptop hears %s", got)
	}
	group, err := laptop.Create(within(t), client.Create{Kind: logv1.Kind_KIND_GROUP, Members: []*logv1.NewMember{{User: "big1", Role: logv1.Role_ROLE_MEMBER}}})
	if err != nil {
		t.Fatal(err)
	}
	members, err := laptop.NamedMembers(within(t), group.GetSession(), "", 0)
	if err != nil || len(members.GetMembers()) != 2 || members.GetMembers()[1].GetName() != "Big big1" {
		t.Errorf("members are %v, %v", members, err)
	}
	if page, err := laptop.NamedSync(within(t), "", 0); err != nil || len(page.GetSessions()) != 2 {
		t.Errorf("sessions are %v, %v", page, err)
	}
}
