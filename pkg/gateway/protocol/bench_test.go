package protocol

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	clientv1 "annal/gen/annal/client/v1"
)

var (
	benchText = strings.Repeat("three hundred bytes of what people say; ", 8)[:300]
	benchSend = &clientv1.ClientFrame{
		Id: "4711", ClientId: "0f5a2d1e-6f5e-4d0a-9a51-0c9d33b2f4a7",
		Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: "d_abcdefghijklmnopqrstuvwxyz234567", Text: benchText}},
	}
	benchEvent = &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Event{Event: &clientv1.Event{
		Session: "d_abcdefghijklmnopqrstuvwxyz234567", Seq: 123456, Id: "0190f3c2-7a31-7c11-8b9e-3d2f1a0b9c8d", TimeMs: 1795600000000,
		User: "u00001", Device: "phone", ClientId: "0f5a2d1e-6f5e-4d0a-9a51-0c9d33b2f4a7",
		Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Index: 120000, Text: benchText}},
	}}}
)

// each benchmarks both codecs.
func each(b *testing.B, bench func(b *testing.B, c Codec)) {
	for c := range Codecs {
		b.Run(c.String(), func(b *testing.B) {
			b.ReportAllocs()
			bench(b, c)
		})
	}
}

func BenchmarkParseSend(b *testing.B) {
	each(b, func(b *testing.B, c Codec) {
		frame, perr := c.AppendClient(nil, benchSend)
		if perr != nil {
			b.Fatal(perr)
		}
		for b.Loop() {
			if _, err := c.ParseClient(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	each(b, func(b *testing.B, c Codec) {
		var buf []byte
		for b.Loop() {
			buf = c.AppendServer(buf[:0], benchEvent)
		}
	})
}

func BenchmarkParseEvent(b *testing.B) {
	each(b, func(b *testing.B, c Codec) {
		frame := c.AppendServer(nil, benchEvent)
		for b.Loop() {
			if _, err := c.ParseServer(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The same by reflection, for comparison within one run.

func BenchmarkParseSendByReflection(b *testing.B) {
	frame := AppendClientJSON(nil, benchSend)
	b.ReportAllocs()
	for b.Loop() {
		if err := protojson.Unmarshal(frame, &clientv1.ClientFrame{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEventByReflection(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = byName.MarshalAppend(buf[:0], benchEvent); err != nil {
			b.Fatal(err)
		}
	}
}
