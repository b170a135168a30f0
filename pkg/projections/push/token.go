package push

import "strings"

// MaxToken is how long a token can be, in bytes, at vendors that say nothing about it: the longest known have some 250.
const MaxToken = 512

// Plain says whether a token is one as vendors make them: 1 to most bytes of printable ASCII, without blanks, and without what separates in a list or is
// escaped in JSON. A connector sends no other in a call that is for several: it would be read as somebody else's, have the call refused for all, or make the
// answer that names it longer than is read.
func Plain(token string, most int) bool {
	return token != "" && len(token) <= most && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`,;"'\<>&`, r) })
}
