package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// settings are what the service is told.
type settings struct {
	kafka  []string
	prefix string
	// servers answer which gateway to connect to.
	servers []string
	login   client.LoginServer
	// group is the consumer group, and instance this process in it.
	group, instance string
	// begin is where a partition is begun that the group never committed; nil: at the log's start.
	begin follow.Begin
	// again begins so too where the log was trimmed meanwhile.
	again    bool
	greeting string
	listen   string
}

// secretVariable has the service's secret where no file is named.
const secretVariable = "WELCOME_SECRET"

// Errors of parse.
var (
	errNoKafka    = errors.New("--kafka and --login say where the log and the login server are")
	errNoSecret   = errors.New("the service's secret, which `annal service add` prints, is missing: --secret-file, or " + secretVariable)
	errNoInstance = errors.New("--instance names this process in its group, the same at every start")
	errGreeting   = fmt.Errorf("--greeting is a text of 1 to %d bytes", events.MaxTextBytes)
	errFrom       = errors.New("--from is now, start or a time as in 2026-01-31T00:00:00Z")
)

func parse(args []string, env func(string) string, out io.Writer) (settings, error) {
	host, _ := os.Hostname() // where there is none, --instance is asked for
	f := flag.NewFlagSet("welcome", flag.ContinueOnError)
	f.SetOutput(out)
	kafka := f.String("kafka", "", "Kafka's bootstrap addresses, host:port, separated by commas")
	prefix := f.String("prefix", "", "what goes before the names of topics and groups")
	login := f.String("login", "", "the login server's URL")
	servers := f.String("servers", "", "URLs of gateways that say which one to connect to, separated by commas (default: --login's)")
	id := f.String("client", "welcome", "the service's id, which is the user that greets too")
	secretFile := f.String("secret-file", "", "file of the service's secret (default: the variable "+secretVariable+")")
	group := f.String("group", "welcome", "the consumer group on the events")
	instance := f.String("instance", host, "this process in the group, the same at every start")
	from := f.String("from", "now", "where it begins the first time: now, start, or a time (RFC 3339)")
	again := f.Bool("begin-again", false, "where the log was trimmed beyond what was dealt with: begin again as --from says, and not stop")
	greeting := f.String("greeting", "Welcome! Write to me when something is unclear.", "what it says")
	listen := f.String("http", "127.0.0.1:8091", "where health (/healthz, /readyz) and metrics (/metrics) are")
	if err := f.Parse(args); err != nil {
		return settings{}, err
	}
	s := settings{
		kafka: split(*kafka), prefix: *prefix, servers: split(*servers), group: *group, instance: *instance, again: *again, greeting: *greeting, listen: *listen,
		login: client.LoginServer{URL: *login, Client: *id, Scopes: []string{"write"}},
	}
	var err error
	if s.login.Secret, err = secret(*secretFile, env); err != nil {
		return s, err
	}
	if s.begin, err = beginning(*from); err != nil {
		return s, err
	}
	if len(s.servers) == 0 {
		s.servers = []string{s.login.URL}
	}
	return s, s.validate(f.Args())
}

func (s settings) validate(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is no flag", rest[0])
	case len(s.kafka) == 0 || s.login.URL == "":
		return errNoKafka
	case s.login.Secret == "":
		return errNoSecret
	case s.instance == "" || s.group == "":
		return errNoInstance
	}
	// What the rules would refuse each time is refused once.
	c := events.Command{
		Session: events.NewDirectID("a", "b"), Actor: events.Actor{User: "a"}, ClientID: "a", Op: events.Send{Body: events.TextBody(s.greeting)},
	}
	if c.Validate() != nil {
		return errGreeting
	}
	return nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func secret(file string, env func(string) string) (string, error) {
	if file == "" {
		return env(secretVariable), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

func beginning(from string) (follow.Begin, error) {
	switch from {
	case "now":
		return follow.AtEnd(), nil
	case "start":
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, from)
	if err != nil {
		return nil, errFrom
	}
	return follow.At(events.Millis(t.UnixMilli())), nil
}
