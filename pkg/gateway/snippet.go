package gateway

import (
	"unicode"

	clientv1 "annal/gen/annal/client/v1"
)

const (
	// snippetLength is a snippet's, in characters and without what stands for the rest, and snippetBefore how many of these are before what was found.
	snippetLength = 158
	snippetBefore = 40
	leftOut       = '…'
)

// snippetOf is the part of a text in which another one, in small letters, is found first, and where in that part it is; no marks
// when it is nowhere. Letters are compared one by one as small ones, so that marks are places in the text as it is written.
func snippetOf(text, query string) (string, []*clientv1.Mark) {
	runes, wanted := []rune(text), []rune(query)
	first := find(runes, wanted, 0)
	if first < 0 {
		return "", nil
	}
	from := 0
	if len(runes) > snippetLength {
		from = max(0, min(first-snippetBefore, len(runes)-snippetLength))
	}
	to := min(len(runes), from+max(snippetLength, first-from+len(wanted)))
	var out []rune
	shift := -from
	if from > 0 {
		out, shift = append(out, leftOut), shift+1
	}
	out = append(out, runes[from:to]...)
	if to < len(runes) {
		out = append(out, leftOut)
	}
	var marks []*clientv1.Mark
	for at := first; at >= 0 && at+len(wanted) <= to && len(marks) < maxMarks; at = find(runes, wanted, at+len(wanted)) {
		marks = append(marks, &clientv1.Mark{First: uint32(at + shift), Count: uint32(len(wanted))})
	}
	return string(out), marks
}

// find gives where in a text another one begins, from a place on; -1 for nowhere.
func find(runes, wanted []rune, from int) int {
	for i := from; i+len(wanted) <= len(runes); i++ {
		n := 0
		for n < len(wanted) && unicode.ToLower(runes[i+n]) == wanted[n] {
			n++
		}
		if n == len(wanted) {
			return i
		}
	}
	return -1
}
