package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"annal/internal/devstack/pushfakes"
	apnsfake "annal/internal/devstack/pushfakes/apns"
	fcmfake "annal/internal/devstack/pushfakes/fcm"
	huaweifake "annal/internal/devstack/pushfakes/huawei"
	meizufake "annal/internal/devstack/pushfakes/meizu"
	oppofake "annal/internal/devstack/pushfakes/oppo"
	vivofake "annal/internal/devstack/pushfakes/vivo"
	webpushfake "annal/internal/devstack/pushfakes/webpush"
	xiaomifake "annal/internal/devstack/pushfakes/xiaomi"
)

// DevPackage is the app that stand-ins of push services know.
const DevPackage = "dev.annal"

// PushStandIns are stand-ins of all push services, and the phones behind them.
type PushStandIns struct {
	Phones  *pushfakes.Phones
	Servers []*pushfakes.Server
}

// StartPushStandIns starts one of each vendor for an app, on free ports.
func StartPushStandIns(app string) (s *PushStandIns, err error) {
	s = &PushStandIns{Phones: pushfakes.NewPhones()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, make := range []func() (pushfakes.Fake, error){
		func() (pushfakes.Fake, error) { return apnsfake.New(s.Phones, app, time.Now) },
		func() (pushfakes.Fake, error) { return fcmfake.New(s.Phones, app, time.Now) },
		func() (pushfakes.Fake, error) { return huaweifake.New(s.Phones, app, time.Now) },
		func() (pushfakes.Fake, error) { return xiaomifake.New(s.Phones, app, time.Now) },
		func() (pushfakes.Fake, error) { return oppofake.New(s.Phones, app, time.Now) },
		func() (pushfakes.Fake, error) { return vivofake.New(s.Phones, app, time.Now) },
		func() (pushfakes.Fake, error) { return meizufake.New(s.Phones, app, time.Now) },
		func() (pushfakes.Fake, error) { return webpushfake.New(s.Phones, app, time.Now) },
	} {
		fake, err := make()
		if err != nil {
			return s, fmt.Errorf("app: a stand-in of a push service: %w", err)
		}
		server, err := pushfakes.Serve(fake, 0)
		if err != nil {
			return s, err
		}
		s.Servers = append(s.Servers, server)
	}
	return s, nil
}

// WriteApps writes the file of apps by which the stand-ins are reached.
func (s *PushStandIns) WriteApps(path, app string) error {
	var file struct {
		Apps []map[string]string `yaml:"apps"`
	}
	for _, server := range s.Servers {
		settings := server.Settings(server.URL)
		settings["service"], settings["package"], settings["ca"] = server.Name(), app, string(server.CA)
		file.Apps = append(file.Apps, settings)
	}
	content, err := yaml.Marshal(file)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	return nil
}

// Close ends all.
func (s *PushStandIns) Close() error {
	var err error
	for _, server := range s.Servers {
		err = errors.Join(err, server.Close())
	}
	return err
}
