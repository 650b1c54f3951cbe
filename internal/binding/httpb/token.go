package httpb

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// tokenRequest is the root element under which Token Request Information
// travels in a body, and the form without prefix that is read as well (C-25).
const (
	tokenRequest       = "m2m:tqf"
	tokenRequestSimple = "tqf"
)

// bodyOf returns what the body of the response holds: Token Request
// Information, which has no other place, or else the content.
func bodyOf(resp *onem2m.Response) *onem2m.Content {
	if resp.TokenRequestInfo != nil {
		return &onem2m.Content{Name: tokenRequest, Value: resp.TokenRequestInfo}
	}
	return resp.Content
}

// assignedText writes m2m:dynAuthLocalTokenIdAssignments as X-M2M-ATI does:
// "lti:tkid" pairs joined by "+" (TS-0009 clause 6.4.24). What isn't such a
// list gives "", as pairs in part would be taken for all.
func assignedText(v jsontext.Value) string {
	members, err := onem2m.ParseObject(v)
	if err != nil {
		return ""
	}
	entries, err := onem2m.ParseList(members.Get("ltia"))
	if err != nil {
		return ""
	}
	pairs := make([]string, 0, len(entries))
	for _, entry := range entries {
		pair, err := onem2m.ParseObject(entry)
		if err != nil {
			return ""
		}
		local, ok1 := onem2m.TextOf(pair.Get("lti"))
		token, ok2 := onem2m.TextOf(pair.Get("tkid"))
		if !ok1 || !ok2 || strings.ContainsAny(local, ":+") || strings.Contains(token, "+") {
			return ""
		}
		pairs = append(pairs, local+":"+token)
	}
	return strings.Join(pairs, "+")
}

// parseAssigned is the reverse of assignedText; nil for anything else.
func parseAssigned(text string) jsontext.Value {
	var list []byte
	for _, entry := range splitList(text, "+") {
		local, token, ok := strings.Cut(entry, ":")
		if !ok || local == "" || token == "" {
			return nil
		}
		pair := onem2m.Object{{Name: "lti", Value: onem2m.TextValue(local)}, {Name: "tkid", Value: onem2m.TextValue(token)}}
		if len(list) > 0 {
			list = append(list, ',')
		}
		list = pair.Append(list)
	}
	if len(list) == 0 {
		return nil
	}
	return jsontext.Value(`{"ltia":[` + string(list) + `]}`)
}
