package gateway

import "annal/pkg/events"

// DefaultPolicies are what a create command's policy is completed with. The event
// keeps the result, so changing these changes no session.
func DefaultPolicies() map[events.Kind]events.Policy {
	base := events.Policy{
		RevokeWindow: 2 * 60 * 1000, OverrideWindow: 15 * 60 * 1000, History: events.HistoryStay,
		AddRole: events.RoleAdmin, WriteRole: events.RoleMember, Joining: events.JoiningClosed, ReceiptsLimit: 100,
	}
	direct, group, self, channel := base, base, base, base
	direct.MemberLimit = 2
	group.MemberLimit = 10_000
	self.MemberLimit = 1
	channel.MemberLimit = 500_000
	channel.WriteRole = events.RoleAdmin
	channel.Joining = events.JoiningOpen
	return map[events.Kind]events.Policy{
		events.KindDirect: direct, events.KindGroup: group, events.KindSelf: self, events.KindChannel: channel,
	}
}

// complete fills in what p leaves out.
func complete(p, defaults events.Policy) events.Policy {
	if p.RevokeWindow == 0 {
		p.RevokeWindow = defaults.RevokeWindow
	}
	if p.OverrideWindow == 0 {
		p.OverrideWindow = defaults.OverrideWindow
	}
	if p.History == 0 {
		p.History = defaults.History
	}
	if p.MemberLimit == 0 {
		p.MemberLimit = defaults.MemberLimit
	}
	if p.AddRole == 0 {
		p.AddRole = defaults.AddRole
	}
	if p.WriteRole == 0 {
		p.WriteRole = defaults.WriteRole
	}
	if p.Joining == 0 {
		p.Joining = defaults.Joining
	}
	if p.ReceiptsLimit == 0 {
		p.ReceiptsLimit = defaults.ReceiptsLimit
	}
	return p
}
