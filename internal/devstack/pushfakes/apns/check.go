package apnsfake

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Bounds of a provider token (establishing-a-token-based-connection-to-apns).
const (
	maxAge   = time.Hour
	minAlive = 20 * time.Minute
)

// usedToken is what a connection sent last, and since when.
type usedToken struct {
	token string
	since time.Time
}

// path gives the device's token, or what is wrong with the method and the path.
func path(r *http.Request) (token, reason string) {
	token, is := strings.CutPrefix(r.URL.Path, "/3/device/")
	switch {
	case !is && r.URL.Path != "/3/device", strings.Contains(token, "/"):
		return "", "BadPath"
	case r.Method != http.MethodPost:
		return "", "MethodNotAllowed"
	case token == "" || !is:
		return "", "MissingDeviceToken"
	}
	return token, ""
}

// check says what is wrong with a request but for its payload's content.
func (f *Fake) check(r *http.Request, token string, body []byte) string {
	for name, values := range r.Header {
		if len(values) > 1 && (strings.HasPrefix(name, "Apns-") || name == "Authorization") {
			return "DuplicateHeaders"
		}
	}
	if reason := f.provider(r); reason != "" {
		return reason
	}
	if reason := headers(r.Header); reason != "" {
		return reason
	}
	switch topic := r.Header.Get("apns-topic"); {
	case topic == "":
		return "MissingTopic"
	case !topicForm.MatchString(topic), r.Header.Get("apns-push-type") == "voip" && !strings.HasSuffix(topic, ".voip"):
		return "BadTopic"
	case topic != f.app:
		return "TopicDisallowed"
	}
	switch limit := limit(r.Header); {
	case len(body) == 0:
		return "PayloadEmpty"
	case len(body) > limit:
		return "PayloadTooLarge"
	case !f.knows(token):
		return "BadDeviceToken"
	}
	return ""
}

func limit(h http.Header) int {
	if h.Get("apns-push-type") == "voip" {
		return 5 * 1024
	}
	return 4 * 1024
}

// provider says what is wrong with the token of who sends.
func (f *Fake) provider(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return "MissingProviderToken"
	}
	claims := jwt.MapClaims{}
	parsed, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithoutClaimsValidation()).
		ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return &f.key.PublicKey, nil })
	if err != nil || parsed.Header["kid"] != keyID || claims["iss"] != teamID {
		return "InvalidProviderToken"
	}
	at, err := claims.GetIssuedAt()
	if err != nil || at == nil {
		return "InvalidProviderToken"
	}
	now := f.now()
	if now.Sub(at.Time).Abs() > maxAge {
		return "ExpiredProviderToken"
	}
	return f.updated(r.RemoteAddr, token, now)
}

// updated says whether a connection changes its token too often.
func (f *Fake) updated(connection, token string, now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c, used := range f.shown {
		if now.Sub(used.since) >= minAlive && c != connection {
			delete(f.shown, c)
		}
	}
	used, ok := f.shown[connection]
	switch {
	case !ok, used.token != token && now.Sub(used.since) >= minAlive:
		f.shown[connection] = usedToken{token, now}
	case used.token != token:
		return "TooManyProviderTokenUpdates"
	}
	return ""
}

var (
	topicForm = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	idForm    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	pushTypes = []string{"alert", "background", "complication", "controls", "fileprovider", "liveactivity", "location", "mdm", "pushtotalk", "voip", "widgets"}
)

// canonical says whether an id is a UUID as Apple wants it: lower case, in five groups.
func canonical(id string) bool { return idForm.MatchString(id) }

// headers says what is wrong with those that need no other (sending-notification-requests-to-apns, the table of header fields).
func headers(h http.Header) string {
	kind := h.Get("apns-push-type")
	if len(h.Values("apns-push-type")) > 0 && !slices.Contains(pushTypes, kind) {
		return "InvalidPushType"
	}
	if id := h.Values("apns-id"); len(id) > 0 && !canonical(id[0]) {
		return "BadMessageId"
	}
	if at := h.Values("apns-expiration"); len(at) > 0 {
		if _, err := strconv.ParseUint(at[0], 10, 63); err != nil {
			return "BadExpirationDate"
		}
	}
	if p := h.Values("apns-priority"); len(p) > 0 && p[0] != "1" && p[0] != "5" && p[0] != "10" {
		return "BadPriority"
	}
	// Without the header the priority is 10, and that is an error for background notifications.
	if kind == "background" && h.Get("apns-priority") != "5" {
		return "BadPriority"
	}
	if len(h.Get("apns-collapse-id")) > 64 {
		return "BadCollapseId"
	}
	return ""
}
