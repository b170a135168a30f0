package events

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

func (b Body) validate() *Error {
	if b.Sealed != nil {
		if b.Plain != nil || len(b.MAC) == 0 {
			return Errorf(CodeMalformed, "a sealed body has a MAC and no plain content")
		}
		return nil
	}
	if b.Plain == nil {
		return Errorf(CodeInvalidText, "the text is missing")
	}
	return validateContent(b.Plain)
}

func validateContent(c Content) *Error {
	switch c := c.(type) {
	case Text:
		return validateText(string(c))
	case Media:
		return c.validate()
	case Location:
		if !(c.LatitudeE7 >= -90e7 && c.LatitudeE7 <= 90e7 && c.LongitudeE7 >= -180e7 && c.LongitudeE7 <= 180e7) ||
			!validString(c.Name, MaxReasonBytes) || !validString(c.Address, MaxReasonBytes) {
			return Errorf(CodeInvalidContent, "a location is within 90 degrees of latitude and 180 of longitude, its name and address %d bytes at most", MaxReasonBytes)
		}
	case Card:
		user, session := ValidName(string(c.User)), ValidName(string(c.Session))
		if user == session || c.User != "" && c.Session != "" || !validLabel(c.Name) || !validString(c.Avatar, MaxURLBytes) {
			return Errorf(CodeInvalidContent, "a card is of a user or of a session; its name has %d bytes at most, its avatar %d", MaxNameBytes, MaxURLBytes)
		}
	case Forward:
		return c.validate()
	case Custom:
		if !ValidName(c.Type) || len(c.JSON) > MaxTextBytes || !utf8.ValidString(c.JSON) || !json.Valid([]byte(c.JSON)) {
			return Errorf(CodeInvalidContent, "custom content has a type like a user id, and valid JSON of %d bytes at most", MaxTextBytes)
		}
	case nil:
		return Errorf(CodeInvalidContent, "the content is missing")
	}
	return nil
}

func (m Media) validate() *Error {
	switch {
	case m.Kind < MediaImage || m.Kind > MediaVideo:
		return Errorf(CodeInvalidContent, "no such kind of media")
	case m.URL == "" || !validString(m.URL, MaxURLBytes):
		return Errorf(CodeInvalidContent, "the url is missing, over %d bytes or not UTF-8", MaxURLBytes)
	case !validString(m.Name, MaxReasonBytes) || !validLabel(m.MIMEType) || len(m.Preview) > MaxNoteBytes:
		return Errorf(CodeInvalidContent, "the name is over %d bytes, the type over %d, or the preview over %d", MaxReasonBytes, MaxNameBytes, MaxNoteBytes)
	case m.Caption != "":
		return validateText(m.Caption)
	}
	return nil
}

func (f Forward) validate() *Error {
	if len(f.Messages) == 0 || len(f.Messages) > MaxForwarded || !validLabel(f.Title) {
		return Errorf(CodeInvalidContent, "a forward has 1 to %d messages, and a title of %d bytes at most", MaxForwarded, MaxNameBytes)
	}
	for _, m := range f.Messages {
		if _, nested := m.Content.(Forward); nested || !ValidName(string(m.User)) || !validLabel(m.Name) || m.Time < 0 {
			return Errorf(CodeInvalidContent, "a forwarded message has a user id, a name of %d bytes at most, a time, and content that is no forward", MaxNameBytes)
		}
		if err := validateContent(m.Content); err != nil {
			return err
		}
	}
	return nil
}

func validateText(s string) *Error {
	switch {
	case s == "":
		return Errorf(CodeInvalidText, "the text is empty")
	case len(s) > MaxTextBytes:
		return Errorf(CodeTextTooLong, "too large, limit %d bytes", MaxTextBytes)
	case !utf8.ValidString(s):
		return Errorf(CodeInvalidText, "the text is not UTF-8")
	case strings.ContainsRune(s, 0):
		return Errorf(CodeInvalidText, "the text contains NUL")
	}
	return nil
}
