package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scenario is one story.
type Scenario struct {
	// File and Line are where it begins.
	File string
	Line int
	Name string
	// Steps in order.
	Steps []Step
}

// Step is one line, or a block of lines.
type Step struct {
	Line int
	// Text is the line as written.
	Text string
	// Who does it; the zero value for what the world does.
	Who Who
	// Verb is its name in the table of verbs.
	Verb string
	Args []string
	// Options are those of the form key=value.
	Options map[string]string
	// Wants are what may be answered, any of them; none: the verb's own.
	Wants []Want
	// Block are the steps of together and repeat.
	Block []Step
}

// Who is a device of a person.
type Who struct {
	Person, Device string
	// Gateway is which one to connect to, from 1; 0: any.
	Gateway int
}

func (w Who) String() string {
	if w.Device == mainDevice {
		return w.Person
	}
	return w.Person + "/" + w.Device
}

// mainDevice is the device of who names none.
const mainDevice = "main"

// Want is an answer that is expected.
type Want struct {
	// Code of an error or of what was answered without effect; empty: accepted.
	Code string
	// Seq, when not 0.
	Seq uint64
	// Again: it must be the answer of before to a repeat.
	Again bool
	// Lost: the answer is not to arrive, and the connection breaks.
	Lost bool
	// Skipped are people for whom it had no effect, person:CODE.
	Skipped []string
}

func (w Want) String() string {
	var words []string
	if w.Again {
		words = append(words, "again")
	}
	switch {
	case w.Lost:
		words = append(words, "lost")
	case w.Code != "":
		words = append(words, w.Code)
	default:
		words = append(words, "ok")
	}
	if w.Seq != 0 {
		words = append(words, "seq", strconv.FormatUint(w.Seq, 10))
	}
	if len(w.Skipped) > 0 {
		words = append(words, "skipped", strings.Join(w.Skipped, ","))
	}
	return strings.Join(words, " ")
}

// option gives an option's value, or otherwise.
func (s *Step) option(name, otherwise string) string {
	if v, ok := s.Options[name]; ok {
		return v
	}
	return otherwise
}

// seq reads the n-th argument as a seq.
func (s *Step) seq(n int) (uint64, error) { return s.number(s.Args[n]) }

func (s *Step) number(word string) (uint64, error) {
	v, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", word)
	}
	return v, nil
}

// span reads a duration such as 45s or 10m.
func span(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil {
		return 0, fmt.Errorf("%q is not a span of time such as 45s", word)
	}
	return d, nil
}

// kind is what a verb is about.
type kind int

const (
	isCommand kind = iota + 1 // a command for the log, whose answer is judged
	isDevice                  // what happens to a device's connection
	isCheck                   // what must be so now
	isWorld                   // what happens to the system
	isBlock                   // what has steps inside
)

// verb says what a step may look like.
type verb struct {
	kind kind
	// least and most arguments; -1: any number.
	least, most int
	options     []string
}

var policyOptions = []string{
	"revoke", "override", "history", "limit", "add", "write", "joining", "receipts", "info", "pin", "all",
}

// filterOptions say which messages are picked.
var filterOptions = []string{"kind", "author", "since", "until", "thread"}

// questions are the checks that may be refused.
var questions = []string{"history", "pages", "around", "search", "members", "receipts"}

// verbs are all there are.
var verbs = map[string]verb{
	"create":            {isCommand, 2, -1, append([]string{"name", "base", "text"}, policyOptions...)},
	"add":               {isCommand, 2, -1, nil},
	"remove":            {isCommand, 2, -1, nil},
	"join":              {isCommand, 1, 1, []string{"invite"}},
	"leave":             {isCommand, 1, 1, nil},
	"send":              {isCommand, 1, 2, []string{"reply", "thread", "mention", "all", "priority", "content"}},
	"revoke":            {isCommand, 2, 2, nil},
	"override":          {isCommand, 2, 3, []string{"content"}},
	"delete":            {isCommand, 2, 3, nil},
	"mark_read":         {isCommand, 2, 2, nil},
	"mark_delivered":    {isCommand, 2, 2, nil},
	"react":             {isCommand, 3, 4, nil},
	"pin":               {isCommand, 2, 3, nil},
	"report":            {isCommand, 2, 3, nil},
	"set_info":          {isCommand, 1, 1, []string{"name", "avatar", "notice", "description", "field"}},
	"set_policy":        {isCommand, 1, 1, policyOptions},
	"set_role":          {isCommand, 3, 3, nil},
	"mute":              {isCommand, 1, -1, []string{"for"}},
	"dismiss":           {isCommand, 1, 1, nil},
	"ask":               {isCommand, 1, 2, nil},
	"refuse":            {isCommand, 2, -1, nil},
	"invite":            {isCommand, 2, 2, []string{"for", "uses"}},
	"uninvite":          {isCommand, 2, 2, nil},
	"contact":           {isCommand, 2, 3, nil},
	"hide":              {isCommand, 2, -1, nil},
	"set_session":       {isCommand, 1, 1, []string{"mute", "pinned", "hidden", "draft", "unread"}},
	"set_device":        {isCommand, 1, 2, []string{"token", "service", "package", "locale"}},
	"set_profile":       {isCommand, 0, 0, []string{"name", "avatar", "status", "field"}},
	"set_privacy":       {isCommand, 0, 0, []string{"last_seen", "add_me", "write_first"}},
	"set_notifications": {isCommand, 0, 0, []string{"content", "messages", "active", "pause", "rest", "zone"}},
	"close_account":     {isCommand, 0, 0, nil},
	"sign_up":           {isCommand, 1, 1, nil},
	"sign_in":           {isCommand, 3, 3, []string{"client", "most"}},
	"sign_out":          {isCommand, 0, -1, []string{"login", "all", "except", "reason"}},
	"ban":               {isCommand, 0, 1, nil},
	"unban":             {isCommand, 0, 0, nil},

	"connect":    {isDevice, 0, 0, []string{"token", "login", "scope"}},
	"renew":      {isDevice, 0, 0, []string{"token", "user", "login"}},
	"disconnect": {isDevice, 0, 0, nil},
	"kill":       {isDevice, 0, 0, nil},
	"vanish":     {isDevice, 0, 0, nil},
	"stall":      {isDevice, 0, 0, nil},
	"resume":     {isDevice, 0, 0, nil},
	"raw":        {isDevice, 1, 1, nil},
	"dial":       {isDevice, 0, 0, nil},
	"subscribe":  {isDevice, 1, 1, []string{"after"}},
	"set_away":   {isDevice, 1, 1, nil},

	"unread":    {isCheck, 2, 2, []string{"mentions"}},
	"preview":   {isCheck, 2, 2, nil},
	"totals":    {isCheck, 1, 1, []string{"muted", "mentions"}},
	"history":   {isCheck, 1, -1, append([]string{"cursor"}, filterOptions...)},
	"pages":     {isCheck, 3, -1, append([]string{"between", "revoking", "cursors"}, filterOptions...)},
	"around":    {isCheck, 3, -1, filterOptions},
	"search":    {isCheck, 1, -1, []string{"in", "cursor"}},
	"shows":     {isCheck, 1, -1, nil},
	"heard":     {isCheck, 1, -1, nil},
	"members":   {isCheck, 1, -1, nil},
	"profile":   {isCheck, 1, 1, []string{"name", "avatar", "status", "field"}},
	"owner":     {isCheck, 1, -1, nil},
	"reactions": {isCheck, 2, 52, nil},
	"receipts":  {isCheck, 2, 2, []string{"read", "delivered"}},
	"state":     {isCheck, 1, 1, []string{"role", "closed", "member", "contact", "name", "pinned", "hidden", "draft", "seq"}},
	"out":       {isCheck, 1, 1, nil},
	"told":      {isCheck, 2, 2, nil},
	"online":    {isCheck, 0, 0, nil},
	"closed":    {isCheck, 1, 1, []string{"within"}},

	"needs":       {isWorld, 1, 1, nil},
	"wait":        {isWorld, 1, 1, nil},
	"restart":     {isWorld, 1, 1, nil},
	"stop":        {isWorld, 1, 1, nil},
	"start":       {isWorld, 1, 1, nil},
	"pause":       {isWorld, 1, 1, nil},
	"unpause":     {isWorld, 1, 1, nil},
	"empty":       {isWorld, 1, 1, nil},
	"rebuild":     {isWorld, 1, 1, nil},
	"lose":        {isWorld, 1, 1, nil},
	"cut":         {isWorld, 1, 1, nil},
	"inject":      {isWorld, 2, 4, nil},
	"quarantined": {isWorld, 1, 1, nil},
	"verify":      {isWorld, 0, 1, nil},
	"archived":    {isWorld, 1, -1, nil},
	"trim":        {isWorld, 1, 1, nil},
	"phone":       {isWorld, 2, -1, []string{"within"}},
	"push":        {isWorld, 2, 2, []string{"phone", "times", "since", "after"}},

	"together": {isBlock, 0, 0, nil},
	"repeat":   {isBlock, 1, 1, nil},
}

// commandOptions may stand at every command.
var commandOptions = []string{"id", "by", "origin"}

// check says what is wrong with a step's form.
func (s *Step) check() error {
	v, ok := verbs[s.Verb]
	switch {
	case !ok:
		return fmt.Errorf("there is no verb %q", s.Verb)
	case v.kind == isWorld || v.kind == isBlock:
		if s.Who != (Who{}) {
			return fmt.Errorf("%s is nothing that a person does", s.Verb)
		}
	case s.Who == (Who{}):
		return fmt.Errorf("%s needs a person before it", s.Verb)
	}
	if n := len(s.Args); n < v.least || v.most >= 0 && n > v.most {
		return fmt.Errorf("%s has %d arguments, which is too few or too many", s.Verb, n)
	}
	if s.Verb == "verify" && len(s.Args) == 1 && s.Args[0] != "archive" {
		return fmt.Errorf("there is no %q to verify: it is the view, or archive", s.Args[0])
	}
	allowed := v.options
	if v.kind == isCommand {
		allowed = slices.Concat(allowed, commandOptions)
	}
	for name := range s.Options {
		if !slices.Contains(allowed, name) && !(slices.Contains(allowed, "field") && strings.HasPrefix(name, "field.")) {
			return fmt.Errorf("%s has no option %s", s.Verb, name)
		}
	}
	if len(s.Wants) > 0 && v.kind != isCommand && v.kind != isDevice && s.Verb != "inject" && !slices.Contains(questions, s.Verb) {
		return fmt.Errorf("%s has no answer", s.Verb)
	}
	return nil
}
