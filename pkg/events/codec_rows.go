package events

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	logv1 "annal/gen/annal/log/v1"
)

// EncodeRow gives a row's stored bytes.
func EncodeRow(r Row) ([]byte, error) {
	var m proto.Message
	switch r := r.(type) {
	case Head:
		m = &logv1.HeadRow{
			Kind: logv1.Kind(r.Kind), Base: uint64(r.Base), Seq: uint64(r.Seq), Index: uint64(r.Index), Members: r.Members,
			Policy: policyToProto(r.Policy), Closed: r.Closed, Name: r.Title, Hash: r.Hash[:], CreatedMs: int64(r.Created),
		}
	case Member:
		row := &logv1.MemberRow{Role: logv1.Role(r.Role), Marker: uint64(r.Marker), MarkerIndex: uint64(r.MarkerIndex)}
		for _, s := range r.Stays {
			row.Stays = append(row.Stays, &logv1.Stay{
				From: uint64(s.From), FromIndex: uint64(s.FromIndex), To: uint64(s.To), ToIndex: uint64(s.ToIndex),
			})
		}
		m = row
	case Standing:
		m = &logv1.StandingRow{}
	case Message:
		m = &logv1.MessageRow{
			Index: uint64(r.Index), Id: r.ID[:], Sender: string(r.Sender), TimeMs: int64(r.Time),
			Revoked: uint64(r.Revoked), Deleted: uint64(r.Deleted), Overridden: uint64(r.Overridden),
		}
	case Place:
		m = &logv1.PlaceRow{Index: uint64(r.Index)}
	case ClientID:
		m = &logv1.ClientIdRow{
			Digest: r.Digest[:], Code: string(r.Code), Seq: uint64(r.Seq), Index: uint64(r.Index), Id: r.ID[:], TimeMs: int64(r.Time),
		}
	case nil:
		return nil, &DecodeError{errors.New("no row")}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, &DecodeError{err}
	}
	return b, nil
}

// DecodeRow reads the stored bytes of the row of that key.
func DecodeRow(k Key, b []byte) (Row, error) {
	if k == "" {
		return nil, &DecodeError{errors.New("empty row key")}
	}
	switch k[0] {
	case HeadKey[0]:
		return decodeHead(b)
	case 'm':
		return decodeMember(b)
	case 's':
		return Standing{}, nil
	case 'g':
		return decodeMessage(b)
	case 'p':
		return decodePlace(b)
	case 'c':
		return decodeClientID(b)
	}
	return nil, &DecodeError{fmt.Errorf("row key %q", k)}
}

func decodeHead(b []byte) (Row, error) {
	var m logv1.HeadRow
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, &DecodeError{err}
	}
	h := Head{
		Kind: Kind(m.GetKind()), Base: Seq(m.GetBase()), Seq: Seq(m.GetSeq()), Index: Index(m.GetIndex()), Members: m.GetMembers(),
		Policy: policyFromProto(m.GetPolicy()), Closed: m.GetClosed(), Title: m.GetName(), Created: Millis(m.GetCreatedMs()),
	}
	copy(h.Hash[:], m.GetHash())
	return h, nil
}

func decodeMember(b []byte) (Row, error) {
	var m logv1.MemberRow
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, &DecodeError{err}
	}
	r := Member{Role: Role(m.GetRole()), Marker: Seq(m.GetMarker()), MarkerIndex: Index(m.GetMarkerIndex())}
	for _, s := range m.GetStays() {
		r.Stays = append(r.Stays, Stay{
			From: Seq(s.GetFrom()), FromIndex: Index(s.GetFromIndex()), To: Seq(s.GetTo()), ToIndex: Index(s.GetToIndex()),
		})
	}
	return r, nil
}

func decodeMessage(b []byte) (Row, error) {
	var m logv1.MessageRow
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, &DecodeError{err}
	}
	r := Message{
		Index: Index(m.GetIndex()), Sender: UserID(m.GetSender()), Time: Millis(m.GetTimeMs()),
		Revoked: Seq(m.GetRevoked()), Deleted: Seq(m.GetDeleted()), Overridden: Seq(m.GetOverridden()),
	}
	copy(r.ID[:], m.GetId())
	return r, nil
}

func decodePlace(b []byte) (Row, error) {
	var m logv1.PlaceRow
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, &DecodeError{err}
	}
	return Place{Index: Index(m.GetIndex())}, nil
}

func decodeClientID(b []byte) (Row, error) {
	var m logv1.ClientIdRow
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, &DecodeError{err}
	}
	r := ClientID{
		Code: Code(m.GetCode()), Seq: Seq(m.GetSeq()), Index: Index(m.GetIndex()), Time: Millis(m.GetTimeMs()),
	}
	copy(r.Digest[:], m.GetDigest())
	copy(r.ID[:], m.GetId())
	return r, nil
}
