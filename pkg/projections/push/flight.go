package push

import "annal/pkg/events"

// flight has the letters that show something and are on their way in one session.
type flight struct {
	byUser map[events.UserID]map[*letter]bool
	bySeq  map[events.Seq]map[*letter]bool
}

func (f *flight) add(x *letter) {
	if f.byUser == nil {
		f.byUser, f.bySeq = map[events.UserID]map[*letter]bool{}, map[events.Seq]map[*letter]bool{}
	}
	put(f.byUser, x.person.user, x)
	put(f.bySeq, x.entry.Seq, x)
}

func put[K comparable](in map[K]map[*letter]bool, key K, x *letter) {
	if in[key] == nil {
		in[key] = map[*letter]bool{}
	}
	in[key][x] = true
}

func (f *flight) remove(x *letter) {
	drop(f.byUser, x.person.user, x)
	drop(f.bySeq, x.entry.Seq, x)
}

func drop[K comparable](from map[K]map[*letter]bool, key K, x *letter) {
	delete(from[key], x)
	if len(from[key]) == 0 {
		delete(from, key)
	}
}

// concerned are the letters that a matter takes back if they arrive.
func (f *flight) concerned(m *matter, users []events.UserID) map[*letter]bool {
	if m.hides != 0 {
		return f.bySeq[m.hides]
	}
	all := map[*letter]bool{}
	for _, u := range users {
		for x := range f.byUser[u] {
			if m.touch.takesBack(x.kind, x.entry.Seq) {
				all[x] = true
			}
		}
	}
	return all
}
