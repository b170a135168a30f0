package sequencer_test

import (
	"math/rand/v2"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/sequencer"
)

const simCluster = "simulated"

// faults are the odds, in percent, of what may go wrong; each seed draws its own, so
// that some runs have much of one fault and none of another.
type faults struct {
	drop, written, double, delay, reorder, refuse, crash, loseStore, early, versions, freeze, ambush int
}

func drawFaults(r *rand.Rand) faults {
	odds := func(most int) int {
		if r.IntN(3) == 0 {
			return 0
		}
		return r.IntN(most + 1)
	}
	return faults{
		drop: odds(15), written: odds(10), double: odds(15), delay: odds(20), reorder: odds(15), refuse: odds(5),
		crash: odds(4), loseStore: odds(50), early: odds(30), versions: odds(100), freeze: odds(6), ambush: odds(30),
	}
}

// world is one partition's two topics, processes that all believe to own it, and
// readers, run step by step in an order that follows from the seed.
type world struct {
	rng      *rand.Rand
	game     game
	faults   faults
	commands []eventlog.Record
	events   []eventlog.Record
	oracle   *oracle
	procs    []*proc
	readers  []*simReader
	// late are records that reach the log at any later time, whatever became of the
	// process that sent them.
	late []events.Record
	// fences are all that were ever sent, by their owners.
	fences  map[events.Owner]events.Record
	answers map[int64]string
	clock   events.Millis
	calm    bool
	// ackAnswers plants a bug: answers leave when the append is acknowledged.
	ackAnswers bool
}

// newWorld makes a world in which that rule is held to be what counts.
func newWorld(seed uint64, rule countingRule, g game) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), game: g, answers: map[int64]string{}, fences: map[events.Owner]events.Record{}, clock: 1_600_000_000_000}
	w.faults = drawFaults(w.rng)
	w.oracle = newOracle(rule, g.versions[0], &w.commands)
	_, real := rule.(*events.Reader)
	w.oracle.weak = !real
	for range 2 + w.rng.IntN(3) {
		w.procs = append(w.procs, newProc(w, len(w.procs)))
	}
	for range 3 {
		w.readers = append(w.readers, newSimReader(w))
	}
	return w
}

// run is one seed's life: commands come in among faults, then all is calm, and at the
// end every command must have its one outcome. It gives the violation it found.
func (w *world) run() (found *violation) {
	defer func() {
		if r := recover(); r != nil {
			v, ok := r.(*violation)
			if !ok {
				panic(r)
			}
			found = v
		}
	}()
	for range 40 + w.rng.IntN(260) {
		w.step()
	}
	w.settle()
	return nil
}

func (w *world) chance(percent int) bool { return !w.calm && w.rng.IntN(100) < percent }

func (w *world) step() {
	switch n := w.rng.IntN(20); {
	case n < 3:
		w.ask()
	case n < 5 && len(w.late) > 0:
		w.arriveLate()
	case n < 8:
		w.readers[w.rng.IntN(len(w.readers))].step()
	default:
		w.procs[w.rng.IntN(len(w.procs))].step()
	}
}

// settle ends all faults: what is on the way arrives, all processes but the first
// stop, and that one must finish.
func (w *world) settle() {
	w.calm = true
	for _, p := range w.procs {
		p.deliverAll()
	}
	for len(w.late) > 0 {
		w.arriveLate()
	}
	last := int64(len(w.commands)) - 1
	p, most := w.procs[0], 40*(len(w.events)+len(w.commands)+10)
	for n := 0; p.machine.Progress().Last < last; n++ {
		if n > most {
			violate("stuck", "command %d of %d is the last that counted; the only process is %v", p.machine.Progress().Last, last, p.machine.State())
		}
		p.step()
	}
	for _, p := range w.procs {
		p.readTo(len(w.events))
		p.store.recount()
	}
	for _, r := range w.readers {
		r.readTo(len(w.events))
	}
	if w.oracle.weak {
		return
	}
	if n := len(w.oracle.counted); n != len(w.commands) {
		violate("skipped", "%d commands have a counted outcome, of %d", n, len(w.commands))
	}
	w.checkAnswers()
}

// checkAnswers compares what clients were told with what the log says.
func (w *world) checkAnswers() {
	for command, told := range w.answers {
		if offset, ok := w.oracle.counted[command]; !ok || string(w.events[offset].Value) != told {
			violate("answer", "command %d was answered by an outcome that readers ignore", command)
		}
	}
}

func (w *world) answer(command int64, value []byte) {
	if was, ok := w.answers[command]; ok && was != string(value) {
		violate("answer", "command %d was answered twice, differently", command)
	}
	w.answers[command] = string(value)
}

// ask appends a command of the game.
func (w *world) ask() {
	c := w.game.command(w.rng, len(w.commands))
	c.ReplyTo = events.ReplyTo{Instance: "gw", Request: uint64(len(w.commands))}
	rec, err := events.EncodeCommand(c, events.Envelope{})
	if err != nil {
		panic(err)
	}
	if w.rng.IntN(20) == 0 {
		rec.Value = append([]byte{0xff}, rec.Value...)
	}
	// The broker's clock may go back when the leader changes.
	w.clock += events.Millis(w.rng.IntN(2000) - 300)
	offset := int64(len(w.commands))
	w.commands = append(w.commands, eventlog.Record{Record: rec, Topic: eventlog.Commands, Offset: offset, Time: w.clock})
	if _, err := events.DecodeCommand(rec); err == nil && w.chance(w.faults.refuse) {
		w.oracle.refusing[offset] = true
	}
}

// write puts a record into the log.
func (w *world) write(rec events.Record) {
	r := eventlog.Record{Record: rec, Topic: eventlog.Events, Offset: int64(len(w.events)), Time: w.clock}
	w.events = append(w.events, r)
	w.oracle.see(r)
}

func (w *world) arriveLate() {
	i := w.rng.IntN(len(w.late))
	w.write(w.late[i])
	w.late = append(w.late[:i], w.late[i+1:]...)
}

// simReader is any other reader of the log, as the hot projector is: it stops and goes
// on from the text of its progress, and answers what it sees counted.
type simReader struct {
	world  *world
	reader events.Reader
}

func newSimReader(w *world) *simReader {
	return &simReader{world: w, reader: events.NewReader(events.Start())}
}

func (r *simReader) step() {
	if r.world.rng.IntN(4) == 0 {
		p, err := events.ParseProgress(r.reader.Progress().String())
		if err != nil {
			violate("reader", "progress does not survive its text: %v", err)
		}
		r.reader = events.NewReader(p)
	}
	at := int(r.reader.Progress().Offset)
	r.readTo(min(len(r.world.events), at+1+r.world.rng.IntN(5)))
}

func (r *simReader) readTo(end int) {
	for at := r.reader.Progress().Offset; at < int64(end); at++ {
		rec := r.world.events[at]
		verdict, stamp, _ := r.reader.Read(at, rec.Record)
		if r.world.oracle.weak {
			continue
		}
		if want := r.world.oracle.verdicts[at]; verdict != want {
			violate("reader", "offset %d is %v, other readers say %v", at, verdict, want)
		}
		if got, want := r.reader.Progress(), r.world.oracle.progress[at+1]; got != want {
			violate("reader", "progress behind %d is %v, other readers have %v", at, got, want)
		}
		if verdict == events.Counted {
			r.world.answer(stamp.Command, rec.Value)
		}
	}
}

// proc is a process that believes to own the partition, with its way to the log.
type proc struct {
	world   *world
	rules   sequencer.Rules
	store   *checkedStore
	machine *sequencer.Machine
	// wire are appends on the way, oldest first; unheard are failures to be told.
	wire    []sequencer.Append
	unheard []heard
	// end is the log's end as it was asked for at the beginning of the turn.
	end   int
	asked bool
	// frozen is for how many of its steps the process stands still, with what it sent
	// still on the way.
	frozen int
}

type heard struct {
	append  sequencer.Append
	refused bool
}

func newProc(w *world, id int) *proc {
	p := &proc{world: w, rules: w.game.versions[id%len(w.game.versions)]}
	p.start()
	return p
}

// start begins a process' life on the store that its last one left.
func (p *proc) start() {
	w := p.world
	if w.chance(w.faults.versions) {
		p.rules = w.game.versions[w.rng.IntN(len(w.game.versions))]
	}
	if p.store == nil || w.chance(w.faults.loseStore) {
		p.store = newCheckedStore(w.oracle)
	}
	m, err := sequencer.NewMachine(sequencer.Config{
		Cluster: simCluster, Rules: p.rules, CacheBytes: []int{0, 4 << 10, 1 << 20}[w.rng.IntN(3)],
	}, p.store)
	if err != nil {
		violate("store", "restart: %v", err)
	}
	p.machine, p.wire, p.unheard, p.asked = m, nil, nil, false
}

// crash forgets everything but the store; what is on the wire may still arrive.
func (p *proc) crash() {
	for _, a := range p.wire {
		if !p.refuses(a) && p.world.rng.IntN(2) == 0 {
			p.world.late = append(p.world.late, a.Record)
		}
	}
	p.store.recount()
	p.start()
}

func (p *proc) step() {
	w := p.world
	if p.frozen > 0 && !w.calm {
		p.frozen--
		return
	}
	if w.chance(w.faults.freeze) {
		p.frozen = w.rng.IntN(30)
	}
	if w.chance(w.faults.crash) {
		p.crash()
		return
	}
	switch w.rng.IntN(4) {
	case 0:
		p.readTo(min(len(w.events), int(p.machine.Progress().Offset)+1+w.rng.IntN(6)))
	case 1:
		p.deliver()
	case 2:
		if len(p.unheard) > 0 {
			h := p.unheard[0]
			p.unheard = p.unheard[1:]
			p.machine.Failed(h.append, h.refused)
		}
	default:
		p.work()
	}
}

func (p *proc) readTo(end int) {
	at := int(p.machine.Progress().Offset)
	if at >= end {
		return
	}
	if _, err := p.machine.Events(p.world.events[at:end]); err != nil {
		violate("stuck", "events %d to %d: %v", at, end, err)
	}
}

// work does what the process does next of its own accord: fence or decide.
func (p *proc) work() {
	w := p.world
	switch p.machine.State() {
	case sequencer.Following:
		if !p.asked {
			p.end, p.asked = len(w.events), true
		}
		if int(p.machine.Progress().Offset) < p.end && !w.chance(w.faults.early) {
			return
		}
		p.asked = false
		var random [16]byte
		for i := range random {
			random[i] = byte(w.rng.Uint32())
		}
		a, err := p.machine.Fence(random)
		if err != nil {
			violate("stuck", "fence: %v", err)
		}
		w.oracle.versions[a.Owner] = p.rules
		w.fences[a.Owner] = a.Record
		p.wire = append(p.wire, a)
	case sequencer.Deciding:
		for range 1 + w.rng.IntN(4) {
			next := p.machine.Last() + 1
			if next >= int64(len(w.commands)) {
				return
			}
			a, err := p.machine.Command(w.commands[next])
			if err != nil {
				violate("stuck", "command %d: %v", next, err)
			}
			p.wire = append(p.wire, a)
		}
	case sequencer.Fencing:
	}
}

// deliver moves one append on, usually the oldest, to one of the ends it may take.
func (p *proc) deliver() {
	if len(p.wire) == 0 {
		return
	}
	w, i := p.world, 0
	if w.chance(w.faults.reorder) {
		i = w.rng.IntN(len(p.wire))
	}
	a := p.wire[i]
	p.wire = append(p.wire[:i:i], p.wire[i+1:]...)
	switch {
	case p.refuses(a):
		p.unheard = append(p.unheard, heard{a, true})
		return
	case w.chance(w.faults.drop):
		p.unheard = append(p.unheard, heard{a, false})
		return
	case w.chance(w.faults.delay):
		w.late = append(w.late, a.Record)
		p.unheard = append(p.unheard, heard{a, false})
		return
	case w.chance(w.faults.written):
		p.unheard = append(p.unheard, heard{a, false})
	case w.chance(w.faults.double), a.Command < 0 && w.chance(w.faults.double):
		w.late = append(w.late, a.Record)
	}
	w.write(a.Record)
	if a.Command >= 0 && w.chance(w.faults.ambush) {
		w.ambush(a)
	}
	if w.ackAnswers && a.Command >= 0 {
		w.answer(a.Command, a.Record.Value)
	}
}

// refuses says whether the log takes no outcome of that command but the bare one.
func (p *proc) refuses(a sequencer.Append) bool {
	return p.world.oracle.refusing[a.Command] && a.Quarantine == nil
}

func (p *proc) deliverAll() {
	for len(p.wire) > 0 {
		p.deliver()
	}
}
