package fcmfake

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// kind is what a field's value has to be; check gives the value as it is understood, its names in the form with _.
type kind interface {
	check(at string, value any) (any, *refusal)
}

// object is one of Google's messages: what it has, by names in the form with _. Its parsers take that with capitals as well.
type object map[string]kind

// plain is a value of one JSON type, called as Google's parser calls it, of a form if there is one.
type plain struct {
	called string
	is     func(any) bool
	form   *regexp.Regexp
}

// texts are values by keys, all of one kind.
type texts struct{ of kind }

// list has elements of one kind.
type list struct{ of kind }

// anything is what goes to Apple or to browsers as it is.
type anything struct{}

var (
	text     = plain{"TYPE_STRING", func(v any) bool { _, is := v.(string); return is }, nil}
	truth    = plain{"TYPE_BOOL", func(v any) bool { _, is := v.(bool); return is }, nil}
	number   = plain{"TYPE_INT32", func(v any) bool { n, is := v.(float64); return is && n == float64(int32(n)) }, nil}
	duration = plain{"type.googleapis.com/google.protobuf.Duration", text.is, regexp.MustCompile(`^\d+(\.\d{1,9})?s$`)}
)

func word(words string) kind {
	return plain{"TYPE_ENUM", text.is, regexp.MustCompile(`(?i)^(` + strings.ReplaceAll(words, " ", "|") + `)$`)}
}

// request is the body of projects.messages.send
// (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send), with the objects of Message's page.
var request = object{"validate_only": truth, "message": object{
	"name": text, "data": texts{text}, "notification": object{"title": text, "body": text, "image": text},
	"android": object{
		"collapse_key": text, "priority": word("NORMAL HIGH"), "ttl": duration, "restricted_package_name": text, "data": texts{text},
		"notification": androidNotification, "fcm_options": options, "direct_boot_ok": truth, "bandwidth_constrained_ok": truth, "restricted_satellite_ok": truth,
	},
	"webpush":     object{"headers": texts{text}, "data": texts{text}, "notification": anything{}, "fcm_options": object{"link": text, "analytics_label": text}},
	"apns":        object{"headers": texts{text}, "payload": anything{}, "fcm_options": object{"analytics_label": text, "image": text}, "live_activity_token": text},
	"fcm_options": options, "token": text, "topic": text, "condition": text,
}}

var options = object{"analytics_label": text}

var androidNotification = object{
	"title": text, "body": text, "icon": text, "color": text, "sound": text, "tag": text, "click_action": text, "body_loc_key": text, "body_loc_args": list{text},
	"title_loc_key": text, "title_loc_args": list{text}, "channel_id": text, "ticker": text, "sticky": truth, "event_time": text, "local_only": truth,
	"notification_priority": word("PRIORITY_UNSPECIFIED PRIORITY_MIN PRIORITY_LOW PRIORITY_DEFAULT PRIORITY_HIGH PRIORITY_MAX"),
	"default_sound":         truth, "default_vibrate_timings": truth, "default_light_settings": truth, "vibrate_timings": list{duration},
	"visibility": word("VISIBILITY_UNSPECIFIED PRIVATE PUBLIC SECRET"), "notification_count": number, "light_settings": anything{}, "image": text,
	"bypass_proxy_notification": truth, "proxy": word("PROXY_UNSPECIFIED ALLOW DENY IF_PRIORITY_LOWERED"),
}

func (o object) check(at string, value any) (any, *refusal) {
	given, is := value.(map[string]any)
	if !is {
		return nil, badValue(at, "type.googleapis.com/google.firebase.fcm.v1", value)
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		name := capitals.ReplaceAllStringFunc(key, func(c string) string { return "_" + strings.ToLower(c) })
		of, known := o[name]
		if !known {
			where := ""
			if at != "" {
				where = " at '" + at + "'"
			}
			return nil, field(at, fmt.Sprintf("Invalid JSON payload received. Unknown name %q%s: Cannot find field.", key, where))
		}
		understood, bad := of.check(strings.TrimPrefix(at+"."+name, "."), given[key])
		if bad != nil {
			return nil, bad
		}
		out[name] = understood
	}
	return out, nil
}

var capitals = regexp.MustCompile(`[A-Z]`)

func (p plain) check(at string, value any) (any, *refusal) {
	if !p.is(value) {
		return nil, badValue(at, p.called, value)
	}
	if s, is := value.(string); is && p.form != nil && !p.form.MatchString(s) {
		return nil, badValue(at, p.called, value)
	}
	return value, nil
}

func (m texts) check(at string, value any) (any, *refusal) {
	given, is := value.(map[string]any)
	if !is {
		return nil, badValue(at, "TYPE_MESSAGE", value)
	}
	for i, key := range slices.Sorted(maps.Keys(given)) {
		if _, bad := m.of.check(fmt.Sprintf("%s[%d].value", at, i), given[key]); bad != nil {
			return nil, bad
		}
	}
	return given, nil
}

func (l list) check(at string, value any) (any, *refusal) {
	given, is := value.([]any)
	if !is {
		return nil, badValue(at, "TYPE_MESSAGE", value)
	}
	for i, one := range given {
		if _, bad := l.of.check(fmt.Sprintf("%s[%d]", at, i), one); bad != nil {
			return nil, bad
		}
	}
	return given, nil
}

func (anything) check(at string, value any) (any, *refusal) {
	if _, is := value.(map[string]any); !is {
		return nil, badValue(at, "type.googleapis.com/google.protobuf.Struct", value)
	}
	return value, nil
}

func badValue(at, called string, value any) *refusal {
	return field(at, fmt.Sprintf("Invalid value at '%s' (%s), %v", at, called, value))
}
