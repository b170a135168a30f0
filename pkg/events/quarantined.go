package events

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	logv1 "annal/gen/annal/log/v1"
)

// DecodeQuarantined reads what EncodeQuarantined wrote. The headers come in the order of
// their names; of several with one name only the last was kept.
func DecodeQuarantined(rec Record) (Quarantined, error) {
	if _, err := checkType(rec, TypeQuarantined); err != nil {
		return Quarantined{}, err
	}
	var m logv1.Quarantined
	if err := proto.Unmarshal(rec.Value, &m); err != nil {
		return Quarantined{}, &DecodeError{err}
	}
	q := Quarantined{
		Topic: m.GetTopic(), Partition: m.GetPartition(), Offset: m.GetOffset(),
		Reason: PoisonReason(m.GetReason()), Detail: m.GetDetail(),
		Record: Record{Key: m.GetKey(), Value: m.GetValue()},
	}
	for _, name := range slices.Sorted(maps.Keys(m.GetHeaders())) {
		q.Record.Headers = append(q.Record.Headers, Header{Name: name, Value: m.GetHeaders()[name]})
	}
	return q, nil
}

// PoisonReasons are all reasons for which a record is quarantined.
func PoisonReasons() []PoisonReason {
	return []PoisonReason{PoisonHeaders, PoisonFence, PoisonOwner, PoisonOrder, PoisonValue, PoisonVersion, PoisonTarget, PoisonRefused, PoisonStore}
}
