package push

import (
	"errors"
	"net/url"
	"strings"
)

// ErrLink is of Style.Link.
var ErrLink = errors.New("push: the link must be an absolute URL, once {session}, {seq} and {kind} are replaced; no other braces are in it")

// linkTo fills in where a note leads. Values are escaped so that they are one part of the path as well as one value of the query; ids have no spaces.
func linkTo(link, session, seq, kind string) string {
	return strings.NewReplacer("{session}", url.QueryEscape(session), "{seq}", url.QueryEscape(seq), "{kind}", url.QueryEscape(kind)).Replace(link)
}

// validLink says whether notes can lead there.
func validLink(link string) bool {
	filled := linkTo(link, "g_1", "1", string(Message))
	u, err := url.Parse(filled)
	if err != nil || strings.ContainsAny(filled, "{} ") {
		return false
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Host != ""
	}
	return u.IsAbs() && u.Host+u.Opaque+u.Path != ""
}
