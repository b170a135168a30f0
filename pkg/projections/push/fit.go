package push

import "sort"

// Fit shortens a body, and where that is not enough the title, until they are taken: it ends the body, then the title, with … between two characters. ok is false
// if not even both without a character are taken. taken must take less if it takes more.
func Fit(title, body string, taken func(title, body string) bool) (shortTitle, shortBody string, ok bool) {
	if taken(title, body) {
		return title, body, true
	}
	if short, ok := shorten(body, func(s string) bool { return taken(title, s) }); ok {
		return title, short, true
	}
	short, ok := shorten(title, func(s string) bool { return taken(s, "") })
	return short, "", ok
}

// shorten gives the longest beginning that is taken.
func shorten(text string, taken func(string) bool) (short string, ok bool) {
	var ends []int // where characters begin, that is where it can end
	for at := range text {
		ends = append(ends, at)
	}
	cut := func(i int) string {
		if ends[i] == 0 {
			return ""
		}
		return text[:ends[i]] + "…"
	}
	// The first end that is not taken; the one before it is the longest.
	if i := sort.Search(len(ends), func(i int) bool { return !taken(cut(i)) }); i > 0 {
		return cut(i - 1), true
	}
	return "", taken("")
}
