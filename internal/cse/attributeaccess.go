package cse

import (
	"slices"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Rules of Release 4 may grant an operation on single attributes. They count
// for the target of a request alone, and only where all that the request names,
// changes or would be shown is among these attributes: everywhere else, in
// results with children, discovery, conditions, subscriptions, notifications and
// fan-out points, such a rule grants nothing.

// naming lists the attributes that a request is about; nil where a grant on
// attributes isn't enough, whatever they are.
type naming func(k *call, rec *store.Record) []string

// authorizeNaming is authorize for a request that is about certain attributes.
func (k *call) authorizeNaming(r store.Reader, rec *store.Record, op onem2m.Operation, privilege access.Privilege, about naming) error {
	k.about, k.limits = about, nil
	defer func() { k.about = nil }()
	return k.authorize(r, rec, op, privilege)
}

// partly reports whether rules that are limited to attributes, with what tokens
// add, permit the request, and notes the limits: the answer is bound by them too.
func (k *call) partly(q *access.Query, rec *store.Record, sources []access.Source, tokens ...access.Token) bool {
	if k.about == nil {
		return false
	}
	granted := access.AttributesWithTokens(q, sources, tokens)
	if len(granted) == 0 {
		return false
	}
	names := k.about(k, rec)
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(granted, name) }) {
		return false
	}
	k.limits = granted
	return true
}

// shownNames are the attributes that a RETRIEVE of the target alone is about:
// those that it lists, or all that would be shown.
func (k *call) shownNames() naming {
	if k.rcn != 1 || k.conditional() {
		return nil
	}
	return func(k *call, rec *store.Record) []string {
		names := slices.Clone(k.req.Attributes)
		if k.address.Attribute != "" {
			names = append(names, k.address.Attribute)
		}
		if len(names) > 0 {
			return names
		}
		return k.allNames(rec)
	}
}

// removedNames are those that a DELETE is about: all.
func (k *call) removedNames() naming {
	if k.rcn != 0 || k.conditional() {
		return nil
	}
	return (*call).allNames
}

// sentNames are those that a CREATE or UPDATE gives. Of the answer only what is
// granted is left, see limited.
func (k *call) sentNames() naming {
	if k.rcn != 0 && k.rcn != 1 && k.rcn != 9 || k.conditional() {
		return nil
	}
	return func(k *call, _ *store.Record) []string { return k.draft.sent }
}

func (k *call) allNames(rec *store.Record) []string {
	o, err := k.shownObject(rec)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(o))
	for _, m := range o {
		names = append(names, m.Name)
	}
	return names
}

// limited leaves in the answer to a CREATE or UPDATE what the rules that permit
// it grant.
func (k *call) limited(res *onem2m.Response) (*onem2m.Response, error) {
	if k.limits == nil || res.Content == nil {
		return res, nil
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return nil, err
	}
	var some onem2m.Object
	for _, m := range o {
		if slices.Contains(k.limits, m.Name) {
			some = append(some, m)
		}
	}
	cut := *res
	cut.Content = &onem2m.Content{Name: res.Content.Name, Value: some.Append(nil)}
	return &cut, nil
}
