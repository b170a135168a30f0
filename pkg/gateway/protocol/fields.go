package protocol

import (
	"math/bits"

	"annal/pkg/events"
)

// fieldSet is a set of fields of the client's messages, by name. A strict reader
// needs it to find what is missing or stands twice.
type fieldSet uint64

// unknownField is what no message has.
const unknownField fieldSet = 0

const (
	fieldID fieldSet = 1 << iota
	fieldOp
	fieldClientID
	fieldAsUser
	fieldOrigin
	fieldSession
	fieldText
	fieldSeq
	fieldMembers
	fieldUsers
	fieldKind
	fieldPolicy
	fieldBase
	fieldName
	fieldToken
	fieldDevice
	fieldClientVersion
	fieldCursor
	fieldLimit
	fieldBefore
	fieldAfter
	fieldUser
	fieldRole
	fieldRevokeWindow
	fieldOverrideWindow
	fieldHistory
	fieldMemberLimit
	fieldAddRole
	fieldWriteRole
	fieldJoining
	fieldReceiptsLimit
	fieldInfoRole
	fieldPinRole
	fieldMentionAllRole
	fieldInvite
	fieldContent
	fieldRefs
	fieldReason
	fieldAround
	fieldFilter
	// fieldRepeated marks a described field that may stand any number of times.
	fieldRepeated
	// knownField is any field of the server's messages, which are read leniently.
	knownField
	// fieldDescribed, shifted by its number, is a field of a message read by its descriptor.
	fieldDescribed
)

// repeatedFields may stand any number of times in protobuf: each is one element.
const repeatedFields = fieldMembers | fieldUsers

// required names the fields that can be required.
var required = map[fieldSet]string{
	fieldClientID: "client_id", fieldSession: "session", fieldText: "text", fieldSeq: "seq", fieldMembers: "members",
	fieldUsers: "users", fieldKind: "kind", fieldToken: "token", fieldUser: "user",
}

// require fails with the first field of want that was not seen.
func (r *reader) require(seen, want fieldSet) {
	if missing := want &^ seen; missing != 0 {
		first := fieldSet(1) << bits.TrailingZeros64(uint64(missing))
		r.fail(events.CodeMissingField, "%s is missing", required[first])
	}
}
