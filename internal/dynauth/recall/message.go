package recall

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

const (
	// Root names the content of the notification.
	Root = "bulwark.recall"
	// MaxItems bounds what one notification calls back: a CSE keeps all of it in
	// one transaction.
	MaxItems = 100
	// maxReason bounds the reason of an item in octets: it is for people.
	maxReason = 200
	// maxID bounds a Token-ID in octets.
	maxID = 256
)

// Item is one thing that was granted and does not count any more: a token, rules
// for a dynamic <accessControlPolicy>, or both.
type Item struct {
	TokenID    string           // of the token; rules have a name of the same form
	Until      onem2m.Timestamp // when it would have ended
	Originator onem2m.ID        // whom it was granted to, absolute
	Target     string           // the resource, absolute; "" when no CSE was given rules
	Lifted     bool             // the token counts again; rules are asked for anew
	Because    string           // why, for people; may be cut
}

// item is an Item as it is written.
type item struct {
	TokenID    string    `json:"tkid"`
	Until      string    `json:"until"`
	Originator onem2m.ID `json:"or"`
	Target     string    `json:"trid,omitempty"`
	Lifted     bool      `json:"lift,omitzero"`
	Because    string    `json:"why,omitempty"`
}

type message struct {
	Items []item `json:"rcl"`
}

// Content writes the notification of at most MaxItems items.
func Content(items []Item) (*onem2m.Content, error) {
	m := message{Items: make([]item, 0, len(items))}
	for _, i := range items {
		m.Items = append(m.Items, item{
			TokenID: i.TokenID, Until: i.Until.String(), Originator: i.Originator, Target: i.Target, Lifted: i.Lifted, Because: cut(i.Because),
		})
	}
	text, err := json.Marshal(m)
	return &onem2m.Content{Name: Root, Value: text}, err
}

// cut bounds a reason at a rune.
func cut(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "")
}

// Parse reads the value of a notification. Its error is an *onem2m.Error: of what
// is not wholly understood nothing counts.
func Parse(value jsontext.Value) ([]Item, error) {
	var m message
	if err := json.Unmarshal(value, &m, json.RejectUnknownMembers(true)); err != nil {
		e := onem2m.Errorf(onem2m.BadRequest, "rcl", "not a list of what is called back")
		e.Cause = err
		return nil, e
	}
	if len(m.Items) == 0 || len(m.Items) > MaxItems {
		return nil, onem2m.Errorf(onem2m.BadRequest, "rcl", "1 to %d items", MaxItems)
	}
	out := make([]Item, 0, len(m.Items))
	for _, i := range m.Items {
		until, err := onem2m.ParseTimestamp(i.Until)
		if err != nil {
			return nil, onem2m.Errorf(onem2m.BadRequest, "until", "not a time")
		}
		id, form, err := (onem2m.Home{}).ParseID(string(i.Originator))
		if err != nil || form != onem2m.FormAbsolute || id != i.Originator {
			return nil, onem2m.Errorf(onem2m.BadRequest, "or", "not an absolute AE-ID or CSE-ID")
		}
		if i.TokenID == "" || len(i.TokenID) > maxID || len(i.Target) > onem2m.MaxAddress {
			return nil, onem2m.Errorf(onem2m.BadRequest, "tkid", "missing or too long, or the resource is")
		}
		out = append(out, Item{TokenID: i.TokenID, Until: until, Originator: id, Target: i.Target, Lifted: i.Lifted, Because: cut(i.Because)})
	}
	return out, nil
}
