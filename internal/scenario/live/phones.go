package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"annal/internal/scenario"
)

// StandIns are stand-ins of push services, such as those of annal dev, with the phones behind them.
type StandIns struct {
	// URL is where they are shown, without a path.
	URL string
	// App is the app that they know.
	App string
}

var _ scenario.Phones = (*StandIns)(nil)

// errNoStandIns is of deployments whose push services are the vendors'.
var errNoStandIns = &scenario.NotHere{Reason: "there are no stand-ins of push services"}

// codes are what vendors say for what goes wrong; it is not known of all.
var codes = map[string]map[string]string{
	"apns": {
		scenario.FaultGone: "Unregistered", scenario.FaultBusy: "TooManyRequests", scenario.FaultRefuse: "PayloadTooLarge", scenario.FaultWrong: "InvalidProviderToken",
		scenario.FaultCut: "cut-before", scenario.FaultLost: "cut-after", scenario.FaultHang: "hang",
	},
	"fcm": {
		scenario.FaultGone: "UNREGISTERED", scenario.FaultBusy: "UNAVAILABLE", scenario.FaultRefuse: "INVALID_ARGUMENT", scenario.FaultWrong: "THIRD_PARTY_AUTH_ERROR",
		scenario.FaultCut: "cut-before", scenario.FaultLost: "cut-after", scenario.FaultHang: "hang",
	},
}

// standInTime bounds a question.
const standInTime = 10 * time.Second

// ask asks the stand-ins, and gives what they answer.
func (s *StandIns) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, standInTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scenario: %s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}

// There says whether they are.
func (s *StandIns) There(ctx context.Context) bool {
	_, err := s.ask(ctx, http.MethodGet, "/phones.json", nil)
	return err == nil
}

// New implements scenario.Phones.
func (s *StandIns) New(ctx context.Context, service, _ string) (scenario.Phone, error) {
	token, err := s.ask(ctx, http.MethodPost, "/phones/"+url.PathEscape(service), nil)
	return scenario.Phone{Service: service, Package: s.App, Token: strings.TrimSpace(string(token))}, err
}

// Screen implements scenario.Phones.
func (s *StandIns) Screen(ctx context.Context, of scenario.Phone) (scenario.Screen, error) {
	answer, err := s.ask(ctx, http.MethodGet, "/phones.json", nil)
	if err != nil {
		return scenario.Screen{}, err
	}
	var all []struct {
		scenario.Phone
		scenario.Screen
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return scenario.Screen{}, fmt.Errorf("scenario: what phones show: %w", err)
	}
	for i := range all {
		if all[i].Phone == of {
			return all[i].Screen, nil
		}
	}
	return scenario.Screen{Badge: -1}, nil
}

// Fail implements scenario.Phones.
func (s *StandIns) Fail(ctx context.Context, service string, f scenario.Fault) error {
	path := "/phones/" + url.PathEscape(service) + "/faults"
	if f.Name == "" {
		_, err := s.ask(ctx, http.MethodDelete, path, nil)
		return err
	}
	code, known := codes[service][f.Name]
	if !known {
		return &scenario.NotHere{Reason: fmt.Sprintf("it is not known how %s says %s", service, f.Name)}
	}
	if f.Token == "" {
		return &scenario.NotHere{Reason: "what goes wrong for everybody is none of a scenario's that may run beside others"}
	}
	fault, err := json.Marshal(map[string]any{"token": f.Token, "name": code, "times": f.Times, "retry_after": f.After, "since": f.Since})
	if err == nil {
		_, err = s.ask(ctx, http.MethodPost, path, fault)
	}
	return err
}
