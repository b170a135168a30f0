package events

// What is of one person alone, in commands and events alike.

func (w *wireWriter) hidden(session SessionID, messages []Numbers) {
	seqs, indexes := make([]Seq, len(messages)), make([]Index, len(messages))
	for i, m := range messages {
		seqs[i], indexes[i] = m.Seq, m.Index
	}
	wireString(w, 1, session)
	wireUints(w, 2, seqs)
	wireUints(w, 3, indexes)
}

func (r *wireReader) hidden() (session SessionID, messages []Numbers) {
	var seqs []Seq
	var indexes []Index
	r.within(func() {
		switch r.field {
		case 1:
			session = SessionID(r.string())
		case 2:
			seqs = readUints(r, seqs)
		case 3:
			indexes = readUints(r, indexes)
		}
	})
	for i, seq := range seqs {
		m := Numbers{Seq: seq}
		if i < len(indexes) {
			m.Index = indexes[i]
		}
		messages = append(messages, m)
	}
	return session, messages
}

func (r *wireReader) sessionSettings() (session SessionID, c SettingsChange) {
	r.within(func() {
		switch r.field {
		case 1:
			session = SessionID(r.string())
		case 2:
			c = r.settingsChange()
		}
	})
	return session, c
}
