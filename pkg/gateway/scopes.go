package gateway

import (
	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// permitted says whether the token is one for the frame: the rules decide what users may, but not what a service, or a program that a user signed
// in with, was given its token for.
// Nothing of a frame that is refused here gets into the log.
func permitted(frame *clientv1.ClientFrame, identity *auth.Identity) *events.Error {
	for _, scope := range scopesOf(frame) {
		if !identity.Lets(scope) {
			return events.Errorf(events.CodeScopeRequired, "%s needs the scope %s", opName(frame), scope)
		}
	}
	return nil
}

// forServices says whether it is a command that users cannot give at all. The rules say so too.
func forServices(frame *clientv1.ClientFrame) bool {
	switch op := frame.GetOp().(type) {
	case *clientv1.ClientFrame_SignUp, *clientv1.ClientFrame_SignIn, *clientv1.ClientFrame_Ban, *clientv1.ClientFrame_Unban:
		return true
	case *clientv1.ClientFrame_SignOut:
		reason := op.SignOut.GetReason()
		return reason != "" && reason != events.SignOutLogout
	}
	return false
}

// scopesOf are what a service needs, all of them.
func scopesOf(frame *clientv1.ClientFrame) []auth.Scope {
	switch op := frame.GetOp().(type) {
	case *clientv1.ClientFrame_Hello, *clientv1.ClientFrame_Ping, *clientv1.ClientFrame_Unsubscribe:
		return nil
	case *clientv1.ClientFrame_Subscribe, *clientv1.ClientFrame_Sync, *clientv1.ClientFrame_History, *clientv1.ClientFrame_Search, *clientv1.ClientFrame_Changes,
		*clientv1.ClientFrame_Info, *clientv1.ClientFrame_Totals, *clientv1.ClientFrame_Receipts, *clientv1.ClientFrame_Members, *clientv1.ClientFrame_Sessions,
		*clientv1.ClientFrame_Logins, *clientv1.ClientFrame_Presence, *clientv1.ClientFrame_WatchPresence, *clientv1.ClientFrame_Profiles:
		return []auth.Scope{auth.ScopeRead}
	case *clientv1.ClientFrame_SignUp, *clientv1.ClientFrame_SignIn, *clientv1.ClientFrame_SignOut, *clientv1.ClientFrame_Ban, *clientv1.ClientFrame_Unban,
		*clientv1.ClientFrame_CloseAccount:
		return []auth.Scope{auth.ScopeAccounts}
	case *clientv1.ClientFrame_Create:
		if op.Create.GetBase() != 0 {
			return []auth.Scope{auth.ScopeWrite, auth.ScopeImport}
		}
	}
	if frame.GetOriginTimeMs() != 0 {
		return []auth.Scope{auth.ScopeWrite, auth.ScopeImport}
	}
	return []auth.Scope{auth.ScopeWrite}
}
