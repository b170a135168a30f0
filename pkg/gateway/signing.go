package gateway

import (
	"cmp"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

func clientEnded(ended []events.EndedLogin) []*logv1.EndedLogin {
	var out []*logv1.EndedLogin
	for _, l := range ended {
		out = append(out, &logv1.EndedLogin{Login: l.Login, Device: l.Device})
	}
	return out
}

// buildSigning makes the command of a frame about logins; nil for any other.
func buildSigning(frame *clientv1.ClientFrame) events.Op {
	switch op := frame.GetOp().(type) {
	case *clientv1.ClientFrame_SignUp:
		return events.SignUp{Method: op.SignUp.GetMethod()}
	case *clientv1.ClientFrame_SignIn:
		in := op.SignIn
		return events.SignIn{Login: in.GetLogin(), Device: in.GetDevice(), Kind: in.GetKind(), Client: in.GetClient(), Most: in.GetMost()}
	case *clientv1.ClientFrame_SignOut:
		out := op.SignOut
		return events.SignOut{
			Devices: out.GetDevices(), Logins: out.GetLogins(), All: out.GetAll(), Except: out.GetExcept(),
			Reason: cmp.Or(out.GetReason(), events.SignOutLogout),
		}
	case *clientv1.ClientFrame_Ban:
		return events.Ban{Reason: op.Ban.GetReason()}
	case *clientv1.ClientFrame_Unban:
		return events.Unban{}
	}
	return nil
}
