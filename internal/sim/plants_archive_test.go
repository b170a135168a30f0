package sim

import (
	"context"
	"slices"
	"sync"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// markerOf names a marker.
type markerOf struct {
	session events.SessionID
	user    events.UserID
	kind    archive.MarkerKind
}

// firstStays is an archive that keeps the first row of a marker.
type firstStays struct {
	*archive.Memory
	mu   sync.Mutex
	have map[markerOf]bool
}

func (f *firstStays) Insert(ctx context.Context, r *archive.Rows) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := *r
	kept.Markers = slices.DeleteFunc(slices.Clone(r.Markers), func(m archive.Marker) bool {
		key := markerOf{m.Session, m.User, m.Kind}
		had := f.have[key]
		f.have[key] = true
		return had
	})
	return f.Memory.Insert(ctx, &kept)
}

// lastHolds is an archive in which the row of a marker holds that came last, so that markers go back.
type lastHolds struct {
	*archive.Memory
	mu   sync.Mutex
	came map[markerOf]events.Seq
}

func (l *lastHolds) Insert(ctx context.Context, r *archive.Rows) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range r.Markers {
		l.came[markerOf{m.Session, m.User, m.Kind}] = m.Seq
	}
	return l.Memory.Insert(ctx, r)
}

func (l *lastHolds) Markers(ctx context.Context, s events.SessionID) ([]archive.MarkersNow, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, err := l.Memory.Markers(ctx, s)
	for i := range now {
		m := &now[i]
		m.Read, m.Delivered = l.came[markerOf{s, m.User, archive.MarkerRead}], l.came[markerOf{s, m.User, archive.MarkerDelivered}]
	}
	return now, err
}

// saysEnd is an archiver that says it has all that the log holds.
type saysEnd struct{ *archive.Memory }

func (s saysEnd) Insert(ctx context.Context, r *archive.Rows) error {
	said := *r
	said.Progress = slices.Clone(r.Progress)
	for i := range said.Progress {
		said.Progress[i].Archived = said.Progress[i].LogEnd
	}
	return s.Memory.Insert(ctx, &said)
}

var archivePlants = map[string]Plant{
	"archiver commits before it inserts": {Archiver: func(h follow.Handler) follow.Handler { return doneLater{h} }},
	"archiver gives up":                  {Archiver: func(h follow.Handler) follow.Handler { return givesUp{h} }},
	"archiver counts an earlier owner's": {ArchiverLog: ownerForgotten},
	"archiver counts what is not next":   {ArchiverLog: prevForgotten},
	"archiver says more than it has":     {Archive: func(a *archive.Memory) archiveStore { return saysEnd{a} }},
	"archive keeps the first row":        {Archive: func(a *archive.Memory) archiveStore { return &firstStays{Memory: a, have: map[markerOf]bool{}} }},
	"archive keeps the last row":         {Archive: func(a *archive.Memory) archiveStore { return &lastHolds{Memory: a, came: map[markerOf]events.Seq{}} }},
}
