package notify

import (
	"net/url"
	"slices"
	"strings"

	"bulwark/onem2m"
)

// isURL tells a plain URL from a oneM2M identifier, in which no colon can be.
func isURL(target string) bool { return strings.Contains(target, ":") }

// splitTarget separates a notificationURI from the serialization that "ct="
// selects and that is not part of To (C-277). Nothing else of it changes.
func splitTarget(nu string) (to, serialization string) {
	path, query, ok := strings.Cut(nu, "?")
	if !ok {
		return nu, ""
	}
	parts := strings.Split(query, "&")
	kept := slices.DeleteFunc(parts, func(p string) bool {
		value, found := strings.CutPrefix(p, "ct=")
		if found {
			serialization = value
		}
		return found
	})
	if len(kept) == 0 {
		return path, serialization
	}
	return path + "?" + strings.Join(kept, "&"), serialization
}

// checkTarget refuses what can never be notified. subject is the short name of
// the attribute that holds the target.
func checkTarget(nu, subject string) error {
	to, serialization := splitTarget(nu)
	switch serialization {
	case "", "json", "xml", "cbor":
	default:
		return onem2m.Errorf(onem2m.BadRequest, subject, "ct is json, xml or cbor")
	}
	if len(to) > onem2m.MaxAddress {
		return onem2m.Errorf(onem2m.BadRequest, subject, "a target is longer than %d octets", onem2m.MaxAddress)
	}
	if isURL(to) {
		u, err := url.Parse(to)
		if err != nil || u.Host == "" || u.Fragment != "" || internal(u.Scheme) {
			return onem2m.Errorf(onem2m.BadRequest, subject, "a target is neither a URL nor a resource identifier")
		}
		return nil
	}
	a, err := onem2m.ParseAddress(to)
	if err != nil || a.Attribute != "" {
		return onem2m.Errorf(onem2m.BadRequest, subject, "a target is neither a URL nor a resource identifier")
	}
	return nil
}

// internal reports whether a scheme begins points of access that mean something
// inside the CSE alone: a polling channel, a cross-resource subscription, and the
// way to other CSEs.
func internal(scheme string) bool { return scheme == "pcu" || scheme == "crs" || scheme == "mcc" }

// scope tells how identifiers have to be written for a receiver (C-021).
type scope int

const (
	scopeLocal   scope = iota // attached to this CSE, or a plain URL
	scopeSP                   // at another CSE of the SP
	scopeForeign              // in another SP
)

// scopeOf finds the scope of a target.
func (e *Engine) scopeOf(target string) scope {
	if isURL(target) {
		return scopeLocal
	}
	if _, ok := e.gathers(target); ok {
		return scopeSP // nobody knows where what is gathered goes
	}
	to, _ := splitTarget(target)
	a, err := onem2m.ParseAddress(to)
	switch {
	case err != nil || a.Local(e.home):
		return scopeLocal
	case a.SP != "" && a.SP != e.home.SP:
		return scopeForeign
	}
	return scopeSP
}

// reference returns the address of a resource of this CSE: unstructured and
// SP-relative, absolute for another SP (C-295).
func (e *Engine) reference(ri string, s scope) string {
	r := e.home.CSE + "/" + ri
	if s == scopeForeign {
		return e.home.SP + r
	}
	return r
}

// entity returns the identifier of an entity as the receiver knows it.
func (e *Engine) entity(id onem2m.ID, s scope) string {
	switch s {
	case scopeSP:
		return id.Across(e.home)
	case scopeForeign:
		return string(id)
	default:
		return id.In(e.home)
	}
}

// self returns the From of what the CSE sends (C-296, C-070).
func (e *Engine) self(s scope) string {
	if s == scopeForeign {
		return string(e.home.ID())
	}
	return e.home.CSE
}
