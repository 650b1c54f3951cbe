package wire

import (
	"strings"

	"bulwark/onem2m"
)

// Shapes that the catalogue has no resource type for: the special contents of
// TS-0004 clause 7.5.2, and primitives.

func simple(s onem2m.Syntax) *onem2m.DataType { return &onem2m.DataType{Syntax: s} }

func listOf(item *onem2m.DataType) *onem2m.DataType {
	return &onem2m.DataType{Syntax: onem2m.SyntaxList, Item: item}
}

// object makes a complex type of short names and types in turn.
func object(name string, members ...onem2m.TypeMember) *onem2m.DataType {
	return &onem2m.DataType{Name: name, Syntax: onem2m.SyntaxObject, Members: members}
}

func member(short string, t *onem2m.DataType) onem2m.TypeMember {
	return onem2m.TypeMember{Short: short, Type: t}
}

// members makes members of one type.
func members(t *onem2m.DataType, names ...string) []onem2m.TypeMember {
	list := make([]onem2m.TypeMember, 0, len(names))
	for _, name := range names {
		list = append(list, member(name, t))
	}
	return list
}

// referenceTypes are the types whose XML form is a text with attributes
// (TS-0004 clause 8.4.2): their members but "val" are attributes.
var referenceTypes = map[string]bool{"m2m:childResourceRef": true, "m2m:mgmtLinkRef": true}

// shapes are the types of the special contents.
type shapes struct {
	special map[string]*onem2m.DataType
	child   *onem2m.DataType // m2m:childResourceRef
	content *onem2m.DataType // what holds a root element: pc, rep
}

// newShapes builds them. References to child resources are kept apart, as they
// stand in resources too.
func newShapes() *shapes {
	text, number, flag, anything := simple(onem2m.SyntaxString), simple(onem2m.SyntaxInteger), simple(onem2m.SyntaxBoolean), simple(onem2m.SyntaxAny)
	texts, numbers := listOf(text), listOf(number)
	s := &shapes{content: simple(onem2m.SyntaxAny), child: object("m2m:childResourceRef", member("val", text), member("nm", text), member("typ", number), member("spid", text))}

	nameValue := listOf(object("", members(text, "nm", "val")...))
	filter := members(text, "crb", "cra", "ms", "us", "exb", "exa", "cfq", "geom", "arp")
	filter = append(filter, members(number, "sts", "stb", "sza", "szb", "fu", "fo", "lim", "ofst", "lvl", "cfs", "gmty", "gsf")...)
	filter = append(filter, members(texts, "lbl", "clbl", "palb", "cty")...)
	filter = append(filter, members(listOf(anything), "lbq", "smf")...)
	filter = append(filter, members(numbers, "ty", "chty", "pty")...)
	filter = append(filter, members(nameValue, "atr", "catr", "patr")...)
	criteria := object("m2m:filterCriteria", filter...)

	request := members(number, "op", "ty", "rcn", "drt", "ec")
	request = append(request, members(text, "to", "fr", "rqi", "ot", "rqet", "rset", "oet", "rp", "gid", "rvi", "vsi")...)
	request = append(request, members(flag, "da", "tqi", "sqi", "asi", "auri")...)
	request = append(request, members(texts, "rids", "tkns", "tids", "ltids", "grtm", "aus")...)
	request = append(request, member("rt", object("", member("rtv", number), member("nu", texts))), member("fc", criteria), member("pc", s.content))

	response := members(number, "rsc", "ec", "cnst", "cnot")
	response = append(response, members(text, "rqi", "to", "fr", "ot", "rset", "rvi", "vsi")...)
	response = append(response, member("asri", flag), member("pc", s.content), member("ati", anything), member("tqf", anything))

	monitor := object("", member("op", number), member("ops", number), member("or", text), member("org", text))
	event := object("", member("rep", s.content), member("om", monitor), member("net", number))
	notification := []onem2m.TypeMember{member("nev", event)}
	notification = append(notification, members(flag, "vrq", "sud", "trr", "tra", "aerp", "aerid")...)
	notification = append(notification, members(text, "sur", "cr", "nfu", "ntt", "tid1", "tid2")...)
	notification = append(notification, member("idr", object("", member("or", text), member("fc", criteria))))
	note := object("m2m:notification", notification...)

	rand := members(text, "esri", "esrv", "esrx")
	rand = append(rand, members(numbers, "esks", "espa")...)
	security := members(text, "epo", "eckm")
	security = append(security, member("sit", number), member("ero", object("", rand...)))
	security = append(security, members(anything, "dreq", "dres", "darq", "dars")...)

	s.special = map[string]*onem2m.DataType{
		"m2m:uri": text, "m2m:dbg": text, "m2m:uril": texts, "m2m:atrl": texts,
		"m2m:rrl": object("", member("rrf", listOf(s.child))), "m2m:rce": object("", member("uri", text)),
		"m2m:rqp": object("", request...), "m2m:rsp": object("", response...), "m2m:sgn": note, "m2m:seci": object("", security...),
		"m2m:agn": object("", member("m2m:sgn", listOf(note))), "m2m:agr": object("", member("m2m:rsp", listOf(object("", response...)))),
	}
	return s
}

// aggregatedPoll is the content of a poll that fetches several requests: in JSON
// a list of them (Release 4).
const aggregatedPoll = "m2m:agrp"

// forms are built once; they hold nothing that changes.
var forms = newShapes()

// typeOf returns the resource type behind a root element, nil if it is none.
func (c Codec) typeOf(root string) *onem2m.TypeInfo {
	if info := onem2m.TypeByRoot(root); info != nil {
		return info
	}
	if c.Types == nil || !strings.Contains(root, ":") {
		return nil
	}
	return c.Types(root)
}

// attributeType returns the type of an attribute of a resource; nil if it has
// no such attribute.
func attributeType(info *onem2m.TypeInfo, name string) *onem2m.DataType {
	if name == "ch" {
		return listOf(forms.child)
	}
	a := info.Attribute(name)
	switch {
	case a == nil:
		return nil
	case a.List && a.Type.Syntax != onem2m.SyntaxList:
		return listOf(a.Type)
	}
	return a.Type
}
