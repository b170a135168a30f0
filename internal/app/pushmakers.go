package app

import (
	"maps"
	"slices"

	"annal/pkg/connectors/apns"
	"annal/pkg/connectors/fcm"
	"annal/pkg/connectors/huawei"
	"annal/pkg/connectors/meizu"
	"annal/pkg/connectors/oppo"
	"annal/pkg/connectors/vivo"
	"annal/pkg/connectors/webpush"
	"annal/pkg/connectors/xiaomi"
)

// pushMakers are the services that there are.
func pushMakers() map[string]pushMaker {
	return map[string]pushMaker{
		"apns": madeBy(apns.New), "fcm": madeBy(fcm.New), "huawei": madeBy(huawei.New), "xiaomi": madeBy(xiaomi.New), "webpush": madeBy(webpush.New), "meizu": madeBy(meizu.New), "oppo": madeBy(oppo.New), "vivo": madeBy(vivo.New),
	}
}

func pushServices() []string { return slices.Sorted(maps.Keys(pushMakers())) }
