package follow

import (
	"context"
	"slices"

	"annal/pkg/events"
)

// Keeper is a Handler that finishes later what it took: its Handle returns once it has the outcomes in memory. The log is then
// what keeps them, since nothing is committed that is not finished.
type Keeper interface {
	Handler
	// Open gives the offset of the first outcome of a partition that it took and has not finished; false when there is none.
	Open(partition int32) (offset int64, open bool)
	// Finish says that no more of a partition comes. It returns once nothing that it has begun for it goes on, or soon after ctx ends, and says what is
	// open then, as Open does: that is handed over again, maybe to another process. From then on nothing is open.
	Finish(ctx context.Context, partition int32) (offset int64, open bool)
}

// maxMarks bounds the marks kept. With fewer of them a commit is further behind, and more is handed over again after a restart.
const maxMarks = 4096

func (w *worker) mark(before events.Progress) {
	w.marks = append(w.marks, before)
	if len(w.marks) <= maxMarks {
		return
	}
	kept := w.marks[:0]
	for i := 0; i < len(w.marks); i += 2 {
		kept = append(kept, w.marks[i])
	}
	w.marks = kept
}

// finished is the progress before which all is finished.
func (w *worker) finished() events.Progress {
	if w.keeper == nil {
		return w.reader.Progress()
	}
	return w.before(w.keeper.Open(w.partition))
}

// before is the progress before which all is finished, where open is the first offset that is not.
func (w *worker) before(open int64, is bool) events.Progress {
	if !is {
		w.marks = w.marks[:0]
		return w.reader.Progress()
	}
	n := 0
	for n+1 < len(w.marks) && w.marks[n+1].Offset <= open {
		n++
	}
	w.marks = slices.Delete(w.marks, 0, n)
	return w.marks[0]
}
