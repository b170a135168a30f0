package xiaomifake

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// refusal is an error of Mi Push: its code, and why (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1560).
type refusal struct{ code, reason string }

// descriptions are what samples have beside a code (testdata).
var descriptions = map[string]string{"10016": "缺失必选参数", "10017": "参数值非法", "20301": "发送消息失败"}

// Limits of a message (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1559).
const (
	maxIDs                = 1000
	title, description    = 50, 128 // below which they have to be
	maxPayload            = 4096
	maxExtras, extrasLong = 10, 1024
	keywordLong           = 128
)

// fields are those of a message, and of what is taken back.
var (
	fields = []string{
		"payload", "restricted_package_name", "pass_through", "title", "description", "notify_type", "time_to_live", "time_to_send", "notify_id", "registration_id",
	}
	revokeFields = []string{"registration_ids", "restricted_package_name", "notify_id"}
	// jobKeys may not begin with an underscore.
	jobKeys = regexp.MustCompile(`^[0-9A-Za-z-][0-9A-Za-z_-]{0,19}$`)
)

func missing(name string) *refusal { return &refusal{"10016", name + "参数不能为空"} }
func wrong(name string) *refusal   { return &refusal{"10017", "invalid value of " + name} }

// length is how many characters a text has to Mi Push.
func length(s string) int { return len(utf16.Encode([]rune(s))) }

// targets are the registration ids of a form.
func targets(form url.Values, name string) ([]string, *refusal) {
	if form.Get(name) == "" {
		return nil, missing(name)
	}
	ids := strings.Split(form.Get(name), ",")
	if len(ids) > maxIDs {
		return nil, wrong(name)
	}
	return ids, nil
}

// named refuses fields that are none, or there twice.
func named(form url.Values, known []string, extras bool) *refusal {
	for name, values := range form {
		if len(values) != 1 || !slices.Contains(known, name) && !(extras && strings.HasPrefix(name, "extra.")) {
			return &refusal{"10008", "parameter error: " + name}
		}
	}
	return nil
}

// whole says whether a field is a whole number from least to most, or not there.
func whole(form url.Values, name string, least, most int64) bool {
	n, err := strconv.ParseInt(form.Get(name), 10, 64)
	return form.Get(name) == "" || err == nil && n >= least && n <= most
}

// check is what is wrong with a message, its channel aside.
func check(form url.Values) *refusal {
	if bad := named(form, fields, true); bad != nil {
		return bad
	}
	for _, text := range []struct {
		name string
		most int
	}{{"title", title}, {"description", description}} {
		switch value := form.Get(text.name); {
		case value == "":
			return missing(text.name)
		case strings.TrimSpace(value) == "" || length(value) >= text.most:
			return wrong(text.name)
		}
	}
	switch {
	case form.Get("payload") == "":
		return missing("payload")
	case !whole(form, "pass_through", 0, 1):
		return wrong("pass_through")
	case !whole(form, "notify_type", -1, 7):
		return wrong("notify_type")
	case !whole(form, "notify_id", 0, 1<<31-1):
		return wrong("notify_id")
	case !whole(form, "time_to_live", 1, 1<<62):
		return wrong("time_to_live")
	case len(form.Get("payload")) > maxPayload:
		return &refusal{"65009", "message is too long"}
	}
	return checkExtras(form)
}

func checkExtras(form url.Values) *refusal {
	count, long := 0, 0
	for name, values := range form {
		if key, is := strings.CutPrefix(name, "extra."); is {
			count++
			long += length(key) + length(values[0])
		}
	}
	effect := form.Get("extra.notify_effect")
	switch {
	case count > maxExtras:
		return &refusal{"65014", "too many extras"}
	case long > extrasLong:
		return &refusal{"65015", "extras are too long"}
	case form.Has("extra.jobkey") && !jobKeys.MatchString(form.Get("extra.jobkey")):
		return wrong("extra.jobkey")
	case !slices.Contains([]string{"", "1", "2", "3"}, effect):
		return wrong("extra.notify_effect")
	case effect == "2" && form.Get("extra.intent_uri") == "":
		return missing("extra.intent_uri")
	case effect == "3" && form.Get("extra.web_uri") == "":
		return missing("extra.web_uri")
	}
	return nil
}

// template is that of a private channel: what is shown, with variables in it.
type template struct {
	id, title, body string
	keywords        []string
}

// channels are those of the app: a public one, and a private one, which has to have a template
// (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=2314). A title may not begin with a variable.
var channels = map[string]*template{
	"100001": nil,
	"100002": {id: "P10000", title: "Chat: {$sender$}", body: "{$text$}", keywords: []string{"sender", "text"}},
}

// fill is what a message shows, by its channel.
func fill(form url.Values) (shownTitle, shownBody string, bad *refusal) {
	t, known := channels[form.Get("extra.channel_id")]
	switch {
	case !known:
		return "", "", &refusal{"27001", "channel does not match"}
	case t == nil && !form.Has("extra.template_id"):
		return form.Get("title"), form.Get("description"), nil
	case t == nil || form.Get("extra.template_id") != t.id:
		return "", "", &refusal{"27001", "template does not match"}
	}
	values := map[string]string{}
	if json.Unmarshal([]byte(form.Get("extra.template_param")), &values) != nil || len(values) != len(t.keywords) {
		return "", "", &refusal{"27001", "template_param does not match"}
	}
	shownTitle, shownBody = t.title, t.body
	for _, name := range t.keywords {
		value, is := values[name]
		if !is {
			return "", "", &refusal{"27001", "template_param does not match"}
		}
		if strings.TrimSpace(value) == "" || length(value) > keywordLong || strings.ContainsFunc(value, symbol) {
			return "", "", wrong("extra.template_param")
		}
		shownTitle = strings.ReplaceAll(shownTitle, "{$"+name+"$}", value)
		shownBody = strings.ReplaceAll(shownBody, "{$"+name+"$}", value)
	}
	return shownTitle, shownBody, nil
}

// symbol says whether a character is not taken in a template: of category So, such as emoji, or of none; or a part of an emoji, which are skin tones, the
// variation that is drawn, the keycap, and what joins them.
func symbol(r rune) bool {
	return unicode.Is(unicode.So, r) || r >= 0x1F3FB && r <= 0x1F3FF || r == 0xFE0F || r == 0x20E3 || r == 0x200D || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
}
