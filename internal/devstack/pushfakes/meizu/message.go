package meizufake

import (
	"regexp"
	"unicode/utf8"
)

// message is messageJson. Numbers that may be left out have a default.
type message struct {
	NoticeBar struct {
		NoticeMsgType int    `json:"noticeMsgType"`
		NoticeBarType int    `json:"noticeBarType"`
		Title         string `json:"title"`
		Content       string `json:"content"`
	} `json:"noticeBarInfo"`
	Expand struct {
		Type    int    `json:"noticeExpandType"`
		Content string `json:"noticeExpandContent"`
	} `json:"noticeExpandInfo"`
	ClickType struct {
		ClickType  int               `json:"clickType"`
		URL        string            `json:"url"`
		Parameters map[string]string `json:"parameters"`
		Activity   string            `json:"activity"`
	} `json:"clickTypeInfo"`
	PushTime struct {
		OffLine   *int `json:"offLine"`
		ValidTime *int `json:"validTime"`
	} `json:"pushTimeInfo"`
	Advance struct {
		Suspend          *int `json:"suspend"`
		ClearNoticeBar   *int `json:"clearNoticeBar"`
		NotificationType struct {
			Vibrate *int `json:"vibrate"`
			Lights  *int `json:"lights"`
			Sound   *int `json:"sound"`
		} `json:"notificationType"`
		NotifyKey string `json:"notifyKey"`
	} `json:"advanceInfo"`
}

// notifyKeys are the keys that there may be.
var notifyKeys = regexp.MustCompile(`^[0-9A-Za-z_-]{0,8}$`)

// check refuses what the page does not allow. Pictures and whatever else is for VIP apps are refused: this one is none.
func (m *message) check() *refusal {
	title, content := utf8.RuneCountInString(m.NoticeBar.Title), utf8.RuneCountInString(m.NoticeBar.Content)
	switch {
	case m.NoticeBar.NoticeMsgType != 0 && m.NoticeBar.NoticeMsgType != 1:
		return badArgument.with("noticeMsgType")
	case m.NoticeBar.NoticeBarType != 0 && m.NoticeBar.NoticeBarType != 2:
		return badArgument.with("noticeBarType")
	case title < 1 || title > 32:
		return badArgument.with("title")
	case content < 1 || content > 100:
		return badArgument.with("content")
	case m.Expand.Type != 0 && m.Expand.Type != 1:
		return badArgument.with("noticeExpandType")
	case m.Expand.Type == 1 && m.Expand.Content == "":
		return badArgument.with("noticeExpandContent")
	case m.ClickType.ClickType < 0 || m.ClickType.ClickType > 2: // 3 is used no more
		return badArgument.with("clickType")
	case m.ClickType.ClickType == 1 && m.ClickType.Activity == "":
		return badArgument.with("activity")
	case m.ClickType.ClickType == 2 && m.ClickType.URL == "":
		return badArgument.with("url")
	}
	return m.checkRest()
}

func (m *message) checkRest() *refusal {
	alert := m.Advance.NotificationType
	switch hours := m.PushTime.ValidTime; {
	case hours != nil && (*hours < 1 || *hours > 72):
		return badArgument.with("validTime")
	case !notifyKeys.MatchString(m.Advance.NotifyKey):
		return badArgument.with("notifyKey")
	}
	for name, flag := range map[string]*int{
		"offLine": m.PushTime.OffLine, "suspend": m.Advance.Suspend, "clearNoticeBar": m.Advance.ClearNoticeBar,
		"vibrate": alert.Vibrate, "lights": alert.Lights, "sound": alert.Sound,
	} {
		if flag != nil && *flag != 0 && *flag != 1 {
			return badArgument.with(name)
		}
	}
	return nil
}
