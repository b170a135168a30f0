package app

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"annal/pkg/connectors/apns"
	"annal/pkg/connectors/fcm"
	"annal/pkg/connectors/huawei"
	"annal/pkg/connectors/meizu"
	"annal/pkg/connectors/oppo"
	"annal/pkg/connectors/vivo"
	"annal/pkg/connectors/webpush"
	"annal/pkg/connectors/xiaomi"
)

// TestPushSettingsAreInTheDocs: each setting of each service is in docs/push.md, in the service's line.
func TestPushSettingsAreInTheDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "push.md"))
	if err != nil {
		t.Fatal(err)
	}
	configs := pushConfigs()
	for _, service := range pushServices() {
		config, there := configs[service]
		_, line, found := strings.Cut(string(page), "\n| `"+service+"` |")
		line, _, _ = strings.Cut(line, "\n")
		if !there || !found {
			t.Errorf("%s has no line", service)
			continue
		}
		for _, field := range reflect.VisibleFields(reflect.TypeOf(config)) {
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name != "endpoint" && !strings.Contains(line, "`"+name+"`") {
				t.Errorf("%s: %q is not in its line", service, name)
			}
		}
	}
}

func pushConfigs() map[string]any {
	return map[string]any{
		"apns": apns.Config{}, "fcm": fcm.Config{}, "huawei": huawei.Config{}, "xiaomi": xiaomi.Config{}, "oppo": oppo.Config{},
		"vivo": vivo.Config{}, "meizu": meizu.Config{}, "webpush": webpush.Config{},
	}
}
