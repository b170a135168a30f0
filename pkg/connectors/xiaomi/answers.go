package xiaomi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// codeNotSent is said of a message that went nowhere; noTargets is why, if none of whom it was for is there. codeValue is said of a value that is wrong; badPackage
// is why, if it is the app's package: then all of them are.
const (
	codeNotSent = "20301"
	noTargets   = "No valid targets"
	codeValue   = "10017"
	badPackage  = "package name"
)

// answers are what Mi Push says (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1560), by code, else by HTTP status.
var answers = map[string]push.Answer{
	"0":     {Result: push.Delivered},                                 // taken, but for bad_regids: see verdict
	"-1":    {Result: push.Retry, All: true},                          // unknown
	"1":     {Result: push.Retry, All: true},                          // an error inside
	"10001": {Result: push.Retry, All: true},                          // an error of the system
	"10002": {Result: push.Retry, All: true},                          // busy
	"10003": {Result: push.Retry, All: true},                          // an error of what it asks
	"10008": {Result: push.Refused},                                   // a parameter is wrong
	"10012": {Result: push.Refused},                                   // the request is wrong
	"10016": {Result: push.Refused},                                   // a parameter is missing
	"10017": {Result: push.Refused},                                   // a value is wrong; but see badPackage
	"10027": {Result: push.Retry, All: true},                          // too often
	"10029": {Result: push.Refused},                                   // no such device, of what phones ask
	"10031": {Result: push.Misconfigured},                             // the app may not send
	"10034": {Result: push.Retry, All: true, After: 10 * time.Minute}, // too many for today
	"10036": {Result: push.Misconfigured},                             // the app may not do that
	"10037": {Result: push.Retry},                                     // the request was too long on its way
	"20301": {Result: push.Refused},                                   // it was not sent; but see noTargets
	"20607": {Result: push.Retry, All: true},                          // an error of the database
	"21301": {Result: push.Misconfigured},                             // not accepted: app_secret
	"21302": {Result: push.Misconfigured},                             // nor a token
	"21303": {Result: push.Misconfigured},                             // the request is restricted
	"21305": {Result: push.Refused},                                   // a parameter that has to be there is not
	"22000": {Result: push.Misconfigured},                             // no such app
	"22006": {Result: push.Misconfigured},                             // its id
	"22007": {Result: push.Misconfigured},                             // its key
	"22022": {Result: push.Misconfigured},                             // its package
	"22102": {Result: push.Retry},                                     // a notification was not sent
	"26003": {Result: push.Retry, All: true},                          // an error inside
	"26006": {Result: push.Refused},                                   // somebody has to look at it first
	"27001": {Result: push.Misconfigured},                             // the channel or what goes with it
	"65003": {Result: push.Refused},                                   // the device is not there
	"65009": {Result: push.Refused},                                   // it is too long
	"65011": {Result: push.Refused},                                   // without parameters
	"65014": {Result: push.Refused},                                   // too many extras
	"65015": {Result: push.Refused},                                   // extras are too long
	"65028": {Result: push.Refused},                                   // no such message
	"65029": {Result: push.Retry, All: true},                          // an error of what it asks
	"65030": {Result: push.Retry},                                     // an error in writing JSON
	"401":   {Result: push.Misconfigured},                             // not accepted
	"403":   {Result: push.Misconfigured},                             // nor allowed
	"404":   {Result: push.Misconfigured},                             // no such address: endpoint
	"429":   {Result: push.Retry, All: true},                          // too often
}

// verdict is the answer to a request, and the registration ids in it that are good no more.
func verdict(reply push.Reply, now time.Time) (answer push.Answer, bad map[string]bool) {
	var said struct {
		Code        *int
		Reason      string
		Description string
		Data        json.RawMessage
	}
	code, text := fmt.Sprint(reply.Status), string(reply.Body)
	switch {
	case json.Unmarshal(reply.Body, &said) == nil && said.Code != nil:
		code, text = fmt.Sprint(*said.Code), strings.TrimSpace(said.Description+" "+said.Reason)
	case reply.Status == http.StatusOK:
		// Not Mi Push's word, or only its beginning: nobody knows what came of it.
		return push.Answer{Result: push.Retry, Unsure: true, Text: push.Clip("unreadable: " + text)}, nil
	}
	answer = push.Coded(answers, code, text, reply.After(now))
	if _, known := answers[code]; !known && reply.Status >= 500 {
		answer = reply.OfStatus(now)
		answer.Code, answer.Text = code, push.Clip(text)
	}
	switch {
	case code == codeNotSent && strings.Contains(said.Reason, noTargets):
		answer.Result = push.Gone
	case code == codeValue && strings.Contains(said.Reason, badPackage):
		answer.Result = push.Misconfigured
	}
	if answer.Result == push.Delivered {
		answer.VendorID, bad = taken(said.Data)
	}
	return answer, bad
}

// taken reads what there is to a message that was taken: {"id", "bad_regids": "ID,ID"}, which the document calls a string of JSON and which is sent as an object.
func taken(data json.RawMessage) (id string, bad map[string]bool) {
	var quoted string
	if json.Unmarshal(data, &quoted) == nil {
		data = json.RawMessage(quoted)
	}
	var message struct {
		ID  string `json:"id"`
		Bad string `json:"bad_regids"`
	}
	if json.Unmarshal(data, &message) != nil {
		return "", nil
	}
	bad = map[string]bool{}
	for one := range strings.SplitSeq(message.Bad, ",") {
		if one = strings.TrimSpace(one); one != "" {
			bad[one] = true
		}
	}
	return message.ID, bad
}
