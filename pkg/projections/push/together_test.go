package push

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"annal/internal/bubble"
	"annal/pkg/projections/follow"
)

func TestTogether(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var letters []Letter
		for i, l := range []struct{ token, body string }{{"a", "1"}, {"b", "1"}, {"a", "2"}, {"c", ""}, {"a", "1"}, {"b", "3"}} {
			letters = append(letters, Letter{Token: l.token, Note: Note{ID: fmt.Sprint(i), Body: l.body}})
		}
		var mu sync.Mutex
		under, most := 0, 0
		var said []string
		answers := Together(letters, 2, func(l *Letter) (string, string, *Answer) {
			if l.Note.Body == "" {
				return "", "", &Answer{Result: Refused}
			}
			return "says " + l.Note.Body, l.Note.Body, nil
		}, func(c *Circular[string]) map[string]Answer {
			mu.Lock()
			under++
			most = max(most, under)
			said = append(said, fmt.Sprint(c.Content, c.Tokens, len(c.Letters)))
			mu.Unlock()
			follow.Sleep(t.Context(), time.Second)
			mu.Lock()
			under--
			mu.Unlock()
			answers := ToEach(c.Tokens, Answer{Result: Delivered, Code: c.Content})
			answers["b"], answers["nobody"] = Answer{Result: Gone, Code: c.Content}, Answer{Result: Gone}
			return answers
		})
		var got []string
		for _, a := range answers {
			got = append(got, fmt.Sprint(a.Result, " ", a.Code))
		}
		if want := []string{"delivered says 1", "gone says 1", "delivered says 2", "refused ", "delivered says 1", "gone says 3"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		slices.Sort(said)
		if want := []string{"says 1[a b] 3", "says 2[a] 1", "says 3[b] 1"}; !slices.Equal(said, want) || most != 2 {
			t.Errorf("%q, %d at once", said, most)
		}
	})
}
