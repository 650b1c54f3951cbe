package recall

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

const (
	// Root names the content of the notification.
	Root = "bulwark.recall"
	// MaxItems bounds what one message calls back: it is to be no longer than a
	// token.
	MaxItems = 20
	// Life is how long a message counts. It is made anew for each attempt.
	Life = 5 * time.Minute
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

// Message is what a server calls back.
type Message struct {
	At    onem2m.Timestamp // when it was so, by the clock of the server: nothing counts again by what is older; 0 for now
	Items []Item
}

// message is a Message as it is written.
type message struct {
	At    string `json:"at"`
	Items []item `json:"rcl"`
}

// Text writes a message, as the extension of a token has it.
func (m *Message) Text() (string, error) {
	out := message{At: m.At.String(), Items: make([]item, 0, len(m.Items))}
	for _, i := range m.Items {
		out.Items = append(out.Items, item{
			TokenID: i.TokenID, Until: i.Until.String(), Originator: i.Originator, Target: i.Target, Lifted: i.Lifted, Because: cut(i.Because),
		})
	}
	text, err := json.Marshal(out)
	return string(text), err
}

// Content writes the notification around a token with a message.
func Content(token string) *onem2m.Content {
	return &onem2m.Content{Name: Root, Value: onem2m.Object{{Name: "tkn", Value: onem2m.TextValue(token)}}.Append(nil)}
}

// TokenOf reads a notification. Its error is an *onem2m.Error.
func TokenOf(value jsontext.Value) (string, error) {
	o, err := onem2m.ParseObject(value)
	text, ok := o.Text("tkn")
	if err != nil || !ok || len(o) != 1 {
		return "", onem2m.Errorf(onem2m.BadRequest, "tkn", "a token with what is called back")
	}
	return text, nil
}

// cut bounds a reason at a rune.
func cut(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "")
}

// Parse reads a message. Its error is an *onem2m.Error: of what is not wholly
// understood nothing counts.
func Parse(text string) (*Message, error) {
	var m message
	if err := json.Unmarshal([]byte(text), &m, json.RejectUnknownMembers(true)); err != nil {
		e := onem2m.Errorf(onem2m.BadRequest, "rcl", "not a list of what is called back")
		e.Cause = err
		return nil, e
	}
	if len(m.Items) == 0 || len(m.Items) > MaxItems {
		return nil, onem2m.Errorf(onem2m.BadRequest, "rcl", "1 to %d items", MaxItems)
	}
	at, err := onem2m.ParseTimestamp(m.At)
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "at", "not a time")
	}
	out := &Message{At: at, Items: make([]Item, 0, len(m.Items))}
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
		out.Items = append(out.Items, Item{TokenID: i.TokenID, Until: until, Originator: id, Target: i.Target, Lifted: i.Lifted, Because: cut(i.Because)})
	}
	return out, nil
}
