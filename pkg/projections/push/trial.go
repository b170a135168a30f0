package push

import (
	"time"

	"annal/pkg/events"
)

// trialKeep is how long a test is worth showing.
const trialKeep = 10 * time.Minute

// Trial is a letter to try a device with: it says that it is a test, and leaves the number at the icon as it is.
func (s *Style) Trial(u events.UserID, device string, p events.PushToken, now time.Time) Letter {
	return Letter{Token: p.Token, Package: p.Package, AppVersion: p.AppVersion, Note: Note{
		ID: noteID(Message, "trial", string(u), device, now.Format(time.RFC3339Nano)), Kind: Message,
		Title: s.Name, Body: s.Texts.say(p.Locale, "test", said{Sender: s.Name}), Badge: -1, Collapse: collapseOf("trial", false), Thread: "trial",
		Data: map[string]string{"kind": "test", "session": ""}, Urgent: true, Expires: now.Add(trialKeep),
	}}
}
