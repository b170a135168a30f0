package fuzzcorpus

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := parse([]byte(Header + "string(\"a\\nb\")\n[]byte(\"\\x00(\")\n" + Header + "string(`c`)\n"))
	if want := [][]any{{"a\nb", []byte("\x00(")}, {"c"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "x" + Header, Header + "int(1)\n", Header + "string(a)\n", Header + "string(\"a\"\n", Header + "\n"} {
		if got, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
}
