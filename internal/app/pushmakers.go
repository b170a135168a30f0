package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"annal/pkg/connectors/apns"
	"annal/pkg/connectors/fcm"
	"annal/pkg/connectors/huawei"
	"annal/pkg/connectors/meizu"
	"annal/pkg/connectors/oppo"
	"annal/pkg/connectors/vivo"
	"annal/pkg/connectors/webpush"
	"annal/pkg/connectors/xiaomi"
	"annal/pkg/projections/push"
)

// pushMaker makes the service of an app from its settings. Errors repeat none of them.
type pushMaker func(app string, settings map[string]string, client *http.Client) (push.Service, error)

// pushMakers are the services that there are.
func pushMakers() map[string]pushMaker {
	return map[string]pushMaker{
		"apns": madeBy(apns.New), "fcm": madeBy(fcm.New), "huawei": madeBy(huawei.New), "xiaomi": madeBy(xiaomi.New),
		"oppo": madeBy(oppo.New), "vivo": madeBy(vivo.New), "meizu": madeBy(meizu.New), "webpush": madeBy(webpush.New),
	}
}

func pushServices() []string { return slices.Sorted(maps.Keys(pushMakers())) }

// madeBy fills a connector's Config with settings, none of them unknown, and makes its service.
func madeBy[C interface{ Validate() error }, S push.Service](create func(string, C, *http.Client) (S, error)) pushMaker {
	return func(app string, settings map[string]string, client *http.Client) (push.Service, error) {
		var c C
		if err := fill(reflect.ValueOf(&c).Elem(), settings); err != nil {
			return nil, err
		}
		if err := c.Validate(); err != nil {
			return nil, err
		}
		return create(app, c, client)
	}
}

// fill sets a Config's fields, texts and numbers, by the names of their tags.
func fill(config reflect.Value, settings map[string]string) error {
	fields := map[string]reflect.Value{}
	for i := range config.NumField() {
		name, _, _ := strings.Cut(config.Type().Field(i).Tag.Get("yaml"), ",")
		fields[name] = config.Field(i)
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		field, known := fields[name]
		switch {
		case !known:
			err = errors.Join(err, fmt.Errorf("unknown setting %s: want some of %s", name, strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
		case field.CanInt():
			n, bad := strconv.ParseInt(settings[name], 10, 32)
			if bad != nil {
				err = errors.Join(err, fmt.Errorf("%s: want a whole number", name))
			}
			field.SetInt(n)
		default:
			field.SetString(settings[name])
		}
	}
	return err
}

// pushClient is what a service is asked with. A connection that died without a word is found by pings.
func pushClient(ca string) (*http.Client, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
	if ca != "" {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, ErrPushCA
		}
	}
	return &http.Client{Transport: transport}, nil
}
