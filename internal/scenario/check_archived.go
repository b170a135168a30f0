package scenario

import (
	"context"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// ErrNoArchive is what a way says that has none.
var ErrNoArchive = notHere("no archive")

// archived compares what the archive says of a session's messages.
func (r *run) archived(ctx context.Context, s *Step) error {
	expected, err := parseItems(s.Args[1:])
	if err != nil {
		return err
	}
	view, err := r.way.Archive()
	if err != nil {
		return err
	}
	session := events.SessionID(r.names.session(s.Args[0]))
	return r.eventually(ctx, s, render(expected), func(ctx context.Context) (string, error) {
		got, err := archivedItems(ctx, view, session)
		return like(got, expected), err
	})
}

// archivePage is how many messages are read at once.
const archivePage = 1000

func archivedItems(ctx context.Context, view archive.View, session events.SessionID) ([]item, error) {
	var all []item
	for after := events.Seq(0); ; {
		page, err := view.Messages(ctx, session, after, archivePage)
		if err != nil {
			return nil, err
		}
		for i := range page {
			after = page[i].Seq
			all = append(all, item{seq: uint64(after), what: archivedAs(&page[i])})
		}
		if len(page) < archivePage {
			return all, nil
		}
	}
}

// mediaKinds are kinds by the archive's names that are media to who is shown them.
var mediaKinds = []string{"image", "file", "audio", "video"}

// archivedAs is sentAs of a message in the archive.
func archivedAs(m *archive.MessageNow) string {
	switch {
	case m.Revoked:
		return "revoked"
	case m.Deleted:
		return "deleted"
	case m.Kind == "text":
		return m.Text
	case slices.Contains(mediaKinds, m.Kind):
		return "media"
	}
	return m.Kind
}
