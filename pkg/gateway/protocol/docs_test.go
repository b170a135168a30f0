package protocol

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
)

// TestTheDocsExamples: every frame that docs/protocol.md shows whole is read, and every command
// and every event is shown.
func TestTheDocsExamples(t *testing.T) {
	page, err := os.ReadFile("../../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[protoreflect.Name]bool{}
	for line := range strings.Lines(string(page)) {
		sent, isSent := strings.CutPrefix(line, "    → ")
		heard, isHeard := strings.CutPrefix(line, "    ← ")
		if strings.Contains(line, ",…") {
			continue // not whole
		}
		switch {
		case isSent:
			m, err := ParseClientJSON([]byte(sent))
			if err != nil {
				t.Errorf("%s is refused: %v", sent, err)
				continue
			}
			shown[m.ProtoReflect().WhichOneof(clientOps).Name()] = true
		case isHeard:
			m, err := ParseServerJSON([]byte(heard))
			if err != nil || m.GetKind() == nil || m.GetEvent() != nil && m.GetEvent().GetEvent() == nil {
				t.Errorf("%s is read as %v, %v", heard, m, err)
				continue
			}
			if e := m.GetEvent(); e != nil {
				shown[e.ProtoReflect().WhichOneof(eventKinds).Name()] = true
			}
		}
	}
	for i := range clientOps.Fields().Len() {
		f := clientOps.Fields().Get(i)
		m := &clientv1.ClientFrame{}
		m.ProtoReflect().Set(f, m.ProtoReflect().NewField(f))
		if isCommand(m) && !shown[f.Name()] {
			t.Errorf("docs/protocol.md has no example of the command %s", f.Name())
		}
	}
	for i := range eventKinds.Fields().Len() {
		if f := eventKinds.Fields().Get(i); !shown[f.Name()] {
			t.Errorf("docs/protocol.md has no example of the event %s", f.Name())
		}
	}
}
