package push

import (
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	for token, want := range map[string]bool{
		"": false, "x": true, "OPPO_CN_0f": true, "Ab+/9==": true, "a:b-c_d.e~": true, strings.Repeat("x", 512): true, strings.Repeat("x", 513): false,
		"a b": false, "a,b": false, "a;b": false, "a\n": false, "\x00": false, "\x7f": false, "a\u200b": false, "世": false, "\xff": false, `a"b`: false, `a\b`: false, "<a>": false,
	} {
		if got := Plain(token, MaxToken); got != want {
			t.Errorf("%q: %v", token, got)
		}
	}
}
