package events

// Content is what a person says.
//
//sumtype:decl
type Content interface{ isContent() }

// MediaKind is what a Media is.
type MediaKind uint8

// The kinds of media.
const (
	MediaImage MediaKind = iota + 1
	MediaFile
	MediaAudio
	MediaVideo
)

type (
	// Text is valid UTF-8 without NUL, MaxTextBytes at most.
	Text string
	// Media is something kept elsewhere, and what is needed to show it before it is fetched.
	Media struct {
		Kind MediaKind
		URL  string
		Name string
		// MIMEType is as in RFC 6838.
		MIMEType string
		Bytes    uint64
		// Width and Height are in pixels, Duration in ms; 0 if unknown or none.
		Width    uint32
		Height   uint32
		Duration uint32
		// Preview is a very small picture.
		Preview []byte
		// Caption is what is said with it, maybe nothing.
		Caption string
	}
	// Location is a place on earth, in 10^-7 degrees, WGS 84.
	Location struct {
		LatitudeE7  int32
		LongitudeE7 int32
		Name        string
		Address     string
	}
	// Card shows a person or a session: one of User and Session is set.
	Card struct {
		User    UserID
		Session SessionID
		Name    string
		Avatar  string
	}
	// Forward is a part of a conversation shown in another one, as its sender says it was.
	Forward struct {
		Title    string
		Messages []Forwarded
	}
	// Forwarded is one message of a Forward; its content is no Forward.
	Forwarded struct {
		User    UserID
		Name    string
		Time    Millis
		Content Content
	}
	// Custom is what only the applications understand.
	Custom struct {
		Type string
		JSON string
	}
)

func (Text) isContent()     {}
func (Media) isContent()    {}
func (Location) isContent() {}
func (Card) isContent()     {}
func (Forward) isContent()  {}
func (Custom) isContent()   {}

// contentSize is about how many bytes the content's parts have, besides some 50 for each.
func contentSize(c Content) int {
	switch c := c.(type) {
	case Text:
		return len(c)
	case Media:
		return len(c.URL) + len(c.Name) + len(c.MIMEType) + len(c.Preview) + len(c.Caption)
	case Location:
		return len(c.Name) + len(c.Address)
	case Card:
		return len(c.User) + len(c.Session) + len(c.Name) + len(c.Avatar)
	case Forward:
		n := len(c.Title)
		for _, m := range c.Messages {
			n += 50 + len(m.User) + len(m.Name) + contentSize(m.Content)
		}
		return n
	case Custom:
		return len(c.Type) + len(c.JSON)
	case nil:
	}
	return 0
}

// Size is about how many bytes the body has, besides some 50.
func (b *Body) Size() int {
	n := len(b.MAC) + contentSize(b.Plain)
	if s := b.Sealed; s != nil {
		n += len(s.KeyID) + len(s.Nonce) + len(s.Ciphertext)
	}
	return n
}
