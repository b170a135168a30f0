package fuzzcorpus

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := parse([]byte(header + "string(\"a\\nb\")\n[]byte(\"\\x00(\")\n" + header + "string(`c`)\n"))
	if want := [][]any{{"a\nb", []byte("\x00(")}, {"c"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "x" + header, header + "int(1)\n", header + "string(a)\n", header + "string(\"a\"\n", header + "\n"} {
		if got, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
}
