package scenario

import (
	"context"
	"fmt"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/projections/archive"
)

// Way is how a scenario is run: what there is behind the people.
type Way interface {
	// Now is the time there, and Wait lets so much of it pass.
	Now() time.Time
	Wait(ctx context.Context, d time.Duration) error
	// Do sends a command for a device and gives its answer, an ack or an error. How says what
	// is special about it.
	Do(ctx context.Context, who Who, m *clientv1.ClientFrame, how How) (*clientv1.ServerFrame, error)
	// Ask sends a question, such as sync or history, and gives its answer.
	Ask(ctx context.Context, who Who, m *clientv1.ClientFrame) (*clientv1.ServerFrame, error)
	// Device does to a device's connection what a step says. The answer is nil where there is
	// none.
	Device(ctx context.Context, s *Step) (*clientv1.ServerFrame, error)
	// Heard gives the events that the device has of a session, in the order in which they came;
	// with live exactly as they came, else at least what it must show in the end.
	Heard(ctx context.Context, who Who, session string, live bool) ([]*clientv1.Event, error)
	// Live says how its connection stands.
	Live(who Who) (Live, error)
	// Archive is what is archived; [NotHere] where there is no archive.
	Archive() (archive.View, error)
	// Phones are the phones behind push services; [NotHere] where there are none.
	Phones() (Phones, error)
	// World does to the system what a step says.
	World(ctx context.Context, s *Step) (*clientv1.ServerFrame, error)
	// Settled is for how long something must stay as it is before it counts; patience is how
	// long it may take to become so.
	Settled() (settle, patience time.Duration)
}

// How is what is special about a command.
type How struct {
	// Service: it comes from a service that acts for the person.
	Service bool
	// Lose: the answer does not arrive, and the connection breaks off.
	Lose bool
	// Again: that it is the answer of before is looked at. Else it does not matter that the way
	// had to send more than once.
	Again bool
	// Take are the codes that are an answer here, though one would come again later.
	Take []string
	// Started is called once the command is on its way, nothing having been waited for.
	Started func()
}

// Live is how a device's connection stands.
type Live struct {
	// Online: connected, and welcome.
	Online bool
	// Code is with which the last connection was closed, empty if it was not.
	Code string
	// Problem is what a device must never be shown, such as an event twice.
	Problem string
	// Told is what it was last told of sessions without having asked: toldRefused, toldIn or toldOut.
	Told map[string]string
}

// NotHere says that a way can't do a step.
type NotHere struct{ Reason string }

func (e *NotHere) Error() string { return e.Reason }

func notHere(format string, args ...any) error { return &NotHere{fmt.Sprintf(format, args...)} }
