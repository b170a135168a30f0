package pushfakes

import "net/http"

// Fake is a vendor's service, as its protocol has it.
type Fake interface {
	http.Handler
	// Name is the vendor's: apns, fcm, huawei, xiaomi, oppo, vivo, meizu or webpush.
	Name() string
	// Faults are those that it is told to have.
	Faults() *Faults
	// Settings are what the connector is to be told to reach it, by the names of its settings, given where the fake is reached: endpoint
	// and credentials. Credentials are made for the fake alone, at its start.
	Settings(url string) map[string]string
	// Token makes a token of a new phone, in the vendor's form, given where the fake is reached.
	Token(url string) string
}

// Headed is a Fake of a service that says how long the headers of a request can be.
type Headed interface {
	// MaxHeaders is its SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, 6.5.2), in bytes.
	MaxHeaders() int
}
