package push

import "sync"

// Circular is letters that say the same, to several phones.
type Circular[C any] struct {
	// Content is what they say, as the vendor takes it.
	Content C
	Letters []*Letter
	// Tokens are whom they are for, each once.
	Tokens []string
	// of are the letters to a token, by their places among all.
	of map[string][]int
}

// Together brings letters that say the same together, for vendors that take one content for many phones; atOnce circulars are under way at a time. write gives the
// content of a letter, and a key that it has in common with others that say the same; or what is answered to the letter at once. bring gives a circular's answers by
// token.
func Together[C any](
	letters []Letter, atOnce int, write func(*Letter) (content C, key string, refused *Answer), bring func(*Circular[C]) map[string]Answer,
) []Answer {
	answers := make([]Answer, len(letters))
	room := make(chan struct{}, atOnce)
	var sent sync.WaitGroup
	for _, c := range circulars(letters, answers, write) {
		room <- struct{}{}
		sent.Go(func() {
			defer func() { <-room }()
			for token, a := range bring(c) {
				for _, i := range c.of[token] {
					answers[i] = a
				}
			}
		})
	}
	sent.Wait()
	return answers
}

// circulars sorts letters by what they say, and answers those that are refused.
func circulars[C any](letters []Letter, answers []Answer, write func(*Letter) (C, string, *Answer)) (all []*Circular[C]) {
	same := map[string]*Circular[C]{}
	for i := range letters {
		l := &letters[i]
		content, key, refused := write(l)
		if refused != nil {
			answers[i] = *refused
			continue
		}
		c := same[key]
		if c == nil {
			c = &Circular[C]{Content: content, of: map[string][]int{}}
			same[key], all = c, append(all, c)
		}
		if c.of[l.Token] == nil {
			c.Tokens = append(c.Tokens, l.Token)
		}
		c.Letters, c.of[l.Token] = append(c.Letters, l), append(c.of[l.Token], i)
	}
	return all
}

// ToEach is one answer for all of these.
func ToEach(tokens []string, a Answer) map[string]Answer {
	answers := make(map[string]Answer, len(tokens))
	for _, token := range tokens {
		answers[token] = a
	}
	return answers
}
