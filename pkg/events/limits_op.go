package events

// validateOp checks an operation, besides Create, as far as that needs no state.
func validateOp(op Op) *Error {
	switch op := op.(type) {
	case Add:
		return validateMembers(op.Members, 1)
	case Remove:
		return validateUsers(op.Users, 1)
	case Send:
		return firstError(op.Body.validate, op.Refs.validate)
	case Override:
		return firstError(validSeq(op.Seq), op.Body.validate)
	case Revoke:
		return validSeq(op.Seq)()
	case Delete:
		return firstError(validSeq(op.Seq), validReason(op.Reason))
	case SetInfo:
		return op.Info.validate()
	case SetPolicy:
		if op.Policy == (PolicyChange{}) {
			return Errorf(CodeInvalidArgument, "no change is named")
		}
	case SetRole:
		if !ValidName(string(op.User)) || op.Role < RoleMember || op.Role > RoleOwner {
			return Errorf(CodeInvalidArgument, "user id or role is not valid")
		}
	case Mute:
		if op.Until < 0 {
			return Errorf(CodeInvalidArgument, "the time is negative")
		}
		return validateUsers(op.Users, 0)
	case Ask:
		return validReason(op.Text)()
	case Refuse:
		return validateUsers(op.Users, 1)
	case Invite:
		if op.Code == (Hash{}) || op.Expires < 0 {
			return Errorf(CodeInvalidArgument, "the code is missing, or the time is negative")
		}
	case Uninvite:
		if op.Code == (Hash{}) {
			return Errorf(CodeInvalidArgument, "the code is missing")
		}
	case React:
		if op.Emoji == "" || !validString(op.Emoji, MaxTagBytes) {
			return Errorf(CodeInvalidArgument, "a reaction is 1 to %d bytes of UTF-8", MaxTagBytes)
		}
		return validSeq(op.Seq)()
	case Pin:
		return validSeq(op.Seq)()
	case Report:
		return firstError(validSeq(op.Seq), validReason(op.Reason))
	case Contact:
		if op.Step < ContactAsk || op.Step > ContactUnblock || op.Text != "" && op.Step != ContactAsk {
			return Errorf(CodeInvalidArgument, "no such step, or a text with one that has none")
		}
		return validReason(op.Text)()
	case Hide, SetSession, SetDevice:
		return validateSelfOp(op)
	case Audit:
		switch {
		case op.What == "" || !validString(op.What, MaxTagBytes):
			return Errorf(CodeInvalidArgument, "what is read is 1 to %d bytes of UTF-8", MaxTagBytes)
		case op.Reason == "":
			return Errorf(CodeInvalidArgument, "a reason is missing")
		}
		return firstError(validReason(op.About), validReason(op.Reason))
	case SetProfile:
		return op.Profile.validate()
	case SetPrivacy:
		return op.Privacy.validate()
	case ForgetPush:
		return op.validate()
	case SetNotifications:
		return op.Notifications.validate()
	case SignUp, SignIn, SignOut, Ban:
		return validateSigning(op)
	case Create, Join, Leave, MarkRead, Dismiss, MarkDelivered, CloseAccount, Unban:
	case nil:
		return Errorf(CodeMalformed, "the command has no operation")
	}
	return nil
}

func validateSelfOp(op Op) *Error {
	switch op := op.(type) {
	case Hide:
		if !ValidName(string(op.Session)) || len(op.Messages) == 0 || len(op.Messages) > MaxHidden {
			return Errorf(CodeInvalidArgument, "session id is not valid, or messages are not 1 to %d", MaxHidden)
		}
		for _, m := range op.Messages {
			if err := validSeq(m.Seq)(); err != nil {
				return err
			}
			if m.Index == 0 || uint64(m.Index) > uint64(m.Seq) {
				return Errorf(CodeInvalidArgument, "a message's index is not 1 up to its seq")
			}
		}
	case SetSession:
		c := op.Settings
		switch {
		case !ValidName(string(op.Session)):
			return Errorf(CodeInvalidArgument, "session id is not valid")
		case c == (SettingsChange{}):
			return Errorf(CodeInvalidArgument, "no change is named")
		case c.MuteUntil != nil && *c.MuteUntil < 0:
			return Errorf(CodeInvalidArgument, "the time is negative")
		case c.Draft != nil && !validString(*c.Draft, MaxTextBytes):
			return Errorf(CodeInvalidArgument, "the draft is over %d bytes or not UTF-8", MaxTextBytes)
		}
	case SetDevice:
		p := op.Push
		if !ValidName(op.Device) || !validLabel(p.Service) || !validLabel(p.Package) || !validString(p.Token, MaxNoteBytes) ||
			!validLabel(p.AppVersion) || !validLabel(p.Locale) || op.Off && p != (PushToken{}) {
			return Errorf(CodeInvalidArgument, "the device's id, or a part of its push token, is not valid")
		}
	case Add, Ask, Audit, Ban, CloseAccount, SetPrivacy, SetNotifications, ForgetPush, SetProfile, Contact, Create, Delete, Dismiss, Invite, Join, Leave, MarkDelivered, MarkRead, Mute, Override, Pin,
		React, Refuse, Remove, Report, Revoke, Send, SetInfo, SetPolicy, SetRole, SignIn, SignOut, SignUp, Unban, Uninvite:
	}
	return nil
}

// firstError gives what the first check that fails says.
func firstError(checks ...func() *Error) *Error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func validSeq(s Seq) func() *Error {
	return func() *Error {
		if s == 0 {
			return Errorf(CodeInvalidArgument, "seq is missing")
		}
		return nil
	}
}

func validReason(s string) func() *Error {
	return func() *Error {
		if !validString(s, MaxReasonBytes) {
			return Errorf(CodeInvalidArgument, "the text is over %d bytes or not UTF-8", MaxReasonBytes)
		}
		return nil
	}
}

func (r Refs) validate() *Error {
	if len(r.Mentions) > MaxMentions {
		return Errorf(CodeInvalidArgument, "more than %d people are mentioned", MaxMentions)
	}
	if r.Priority > PriorityHigh {
		return Errorf(CodeInvalidArgument, "no such priority")
	}
	return validateUsers(r.Mentions, 0)
}

func (c *InfoChange) validate() *Error {
	if c.Title == nil && c.Avatar == nil && c.Notice == nil && c.Description == nil && len(c.Custom) == 0 {
		return Errorf(CodeInvalidArgument, "no change is named")
	}
	for _, f := range []struct {
		name  string
		value *string
		limit int
	}{
		{"name", c.Title, MaxNameBytes}, {"avatar", c.Avatar, MaxURLBytes}, {"notice", c.Notice, MaxNoteBytes}, {"description", c.Description, MaxNoteBytes},
	} {
		if f.value != nil && !validString(*f.value, f.limit) {
			return Errorf(CodeInvalidArgument, "%s is over %d bytes or not UTF-8", f.name, f.limit)
		}
	}
	return validateFields(c.Custom)
}

func validateFields(fields []CustomField) *Error {
	if len(fields) > MaxCustomFields {
		return Errorf(CodeInvalidArgument, "more than %d custom fields", MaxCustomFields)
	}
	for _, f := range fields {
		if f.Name == "" || !validString(f.Name, MaxTagBytes) || !validString(f.Value, MaxReasonBytes) {
			return Errorf(CodeInvalidArgument, "a custom field's name is 1 to %d bytes, its value at most %d", MaxTagBytes, MaxReasonBytes)
		}
	}
	return nil
}
