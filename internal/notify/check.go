package notify

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// CheckSubscription makes the checks of TS-0004 clause 7.4.8.2.1 (CREATE) and
// 7.4.8.2.3 (UPDATE) that are special to <subscription>, in their order, and
// returns the attributes with the defaults of enc.net and nct filled in (C-270,
// C-271). For a CREATE attrs are those of the request, for an UPDATE the whole
// resource as the request leaves it. parent is the type subscribed to. What
// this version can't do yet is refused with 5001, never ignored. Verification
// of the targets comes after it, see Verify.
func CheckSubscription(_ onem2m.Home, attrs onem2m.Object, parent *onem2m.TypeInfo, update bool) (onem2m.Object, error) {
	if !update && parent != nil && !parent.AllowsChild(onem2m.TypeSubscription) {
		return nil, onem2m.Errorf(onem2m.TargetNotSubscribable, "", "this type can't be subscribed to")
	}
	if err := checkTargets(attrs); err != nil {
		return nil, err
	}
	c, err := checkCriteria(attrs, parent)
	if err != nil {
		return nil, err
	}
	if !update && slices.Contains(c.Events, Blocking) {
		if err := checkBlocking(attrs); err != nil {
			return nil, err
		}
	}
	content, err := checkContent(attrs, c.Events)
	if err != nil {
		return nil, err
	}
	if err := checkSupported(c); err != nil {
		return nil, err
	}
	settled, err := checkPolicies(attrs)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"exc", "nsp"} {
		if err := checkPositive(attrs, name); err != nil {
			return nil, err
		}
	}
	out := attrs.Clone()
	for _, m := range settled {
		out.Set(m.Name, m.Value)
	}
	if !out.Has("nct") {
		out.Set("nct", content)
	}
	out.Set("enc", withEvents(attrs.Get("enc")))
	return out, nil
}

// maxTargets bounds notificationURI: each event is stored once for each target,
// in the transaction that causes it.
const maxTargets = 200

// checkTargets looks at notificationURI and subscriberURI.
func checkTargets(attrs onem2m.Object) error {
	targets, err := texts(attrs, "nu")
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return onem2m.Errorf(onem2m.BadRequest, "nu", "at least one notification target is needed")
	}
	if len(targets) > maxTargets {
		return onem2m.Errorf(onem2m.BadRequest, "nu", "more than %d notification targets", maxTargets)
	}
	for _, t := range targets {
		if err := checkTarget(t, "nu"); err != nil {
			return err
		}
	}
	if su := attrs.Get("su"); su != nil && !attrs.IsNull("su") {
		var target string
		if json.Unmarshal(su, &target) != nil {
			return onem2m.Errorf(onem2m.BadRequest, "su", "a string is needed")
		}
		return checkTarget(target, "su")
	}
	return nil
}

// texts reads an attribute that is a list of strings.
func texts(attrs onem2m.Object, name string) ([]string, error) {
	value := attrs.Get(name)
	if value == nil || attrs.IsNull(name) {
		return nil, nil
	}
	var list []string
	if value.Kind() != '[' || json.Unmarshal(value, &list) != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, name, "a list of strings is needed")
	}
	return list, nil
}

// checkCriteria looks at enc.
func checkCriteria(attrs onem2m.Object, parent *onem2m.TypeInfo) (storedCriteria, error) {
	var c storedCriteria
	if enc := attrs.Get("enc"); enc != nil && !attrs.IsNull("enc") {
		if err := json.Unmarshal(enc, &c); err != nil {
			return c, onem2m.Errorf(onem2m.BadRequest, culprit(err), "malformed")
		}
		if c.Events != nil && len(c.Events) == 0 {
			return c, onem2m.Errorf(onem2m.BadRequest, "net", "the list is empty")
		}
	}
	if len(c.Events) > 0 && c.monitored() {
		return c, onem2m.Errorf(onem2m.BadRequest, "enc", "net and om exclude each other")
	}
	if len(c.Events) == 0 && !c.monitored() {
		c.Events = []EventType{Updated}
	}
	if err := checkEvents(c, parent); err != nil {
		return c, err
	}
	_, err := c.conditions()
	if err == nil {
		_, err = c.monitors()
	}
	if err == nil {
		_, err = c.gaps()
	}
	if err == nil && (c.Operation < 0 || c.Operation > operationXor) {
		err = onem2m.Errorf(onem2m.BadRequest, "fo", "1, 2 or 3")
	}
	return c, err
}

// culprit returns the member of enc at which decoding failed.
func culprit(err error) string {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		for name := range semantic.JSONPointer.Tokens() {
			return name
		}
	}
	return "enc"
}

// The event types that are known and not done (TS-0001 table 9.6.8-3): 6 needs
// triggers, which this CSE has none of.
const (
	eventTriggered EventType = 6
	eventLast      EventType = 10
)

// checkEvents looks at event types, atr, chty and md against the type
// subscribed to.
func checkEvents(c storedCriteria, parent *onem2m.TypeInfo) error {
	bad := func(name, format string, args ...any) error {
		return onem2m.Errorf(onem2m.BadRequest, name, format, args...)
	}
	for _, ev := range c.Events {
		switch {
		case ev < Updated || ev > eventLast:
			return bad("net", "%d is no event type", ev)
		case (ev == Blocking || ev == MissingData) && len(c.Events) > 1:
			return bad("net", "event type %d goes with no other", ev)
		case ev == MissingData && !c.watchesGaps():
			return bad("md", "event type 8 needs missingData")
		case parent == nil:
		case ev == Retrieved && parent.Type != onem2m.TypeContainer:
			return bad("net", "event type 5 is for containers")
		case ev == eventTriggered && parent.Type != onem2m.TypeAE:
			return bad("net", "event type 6 is for AEs")
		}
	}
	if parent == nil {
		return nil
	}
	if c.watchesGaps() && parent.Type != onem2m.TypeTimeSeries {
		return bad("md", "missingData is for time series")
	}
	for _, ty := range c.Children {
		if !parent.AllowsChild(ty) {
			return bad("chty", "%d is no child type of the resource", ty)
		}
	}
	for _, name := range c.Attributes {
		if !parent.Open && !parent.Has(name) {
			return bad("atr", "the resource has no attribute of that name")
		}
	}
	return nil
}

// contents are the notificationContentTypes that fit an event type, the
// default first (TS-0001 table 9.6.8-4); index is the event type.
func contents(ev EventType) []int {
	switch ev {
	case Updated:
		return []int{contentAll, contentModified, contentID}
	case eventTriggered:
		return []int{4}
	case Blocking:
		return []int{contentModified}
	case MissingData:
		return []int{5}
	case Deleted, ChildCreated, ChildDeleted, Retrieved:
		return []int{contentAll, contentID}
	default:
		return []int{contentAll}
	}
}

// checkContent looks at nct and returns the default for the event types.
func checkContent(attrs onem2m.Object, events []EventType) (jsontext.Value, error) {
	if len(events) == 0 {
		if nct, given := attrs.Int("nct"); given && nct != contentAll && nct != contentID {
			return nil, onem2m.Errorf(onem2m.BadRequest, "nct", "with operationMonitor it has to be 1 or 3")
		}
		return jsontext.Value("1"), nil // operation monitoring
	}
	fit, preset := contents(events[0]), contents(events[0])[0]
	same := true
	for _, ev := range events[1:] {
		of := contents(ev)
		same = same && of[0] == preset
		fit = slices.DeleteFunc(fit, func(n int) bool { return !slices.Contains(of, n) })
	}
	text, err := json.Marshal(preset)
	if err != nil {
		return nil, err
	}
	nct := attrs.Get("nct")
	if nct == nil || attrs.IsNull("nct") {
		if !same {
			return nil, onem2m.Errorf(onem2m.BadRequest, "nct", "the event types have different defaults: it has to be given")
		}
		return text, nil
	}
	var n int
	if json.Unmarshal(nct, &n) != nil || !slices.Contains(fit, n) {
		return nil, onem2m.Errorf(onem2m.BadRequest, "nct", "with these event types it has to be one of %v", fit)
	}
	return text, nil
}

// checkSupported refuses what this version doesn't do.
func checkSupported(c storedCriteria) error {
	for _, ev := range c.Events {
		if ev == eventTriggered || ev > MissingData {
			return onem2m.Errorf(onem2m.NotImplemented, "net", "event type %d is not supported", ev)
		}
	}
	return nil
}

// checkPositive refuses zero and less in an attribute that counts.
func checkPositive(attrs onem2m.Object, name string) error {
	value := attrs.Get(name)
	if value == nil || attrs.IsNull(name) {
		return nil
	}
	var n int64
	if json.Unmarshal(value, &n) != nil || n < 1 {
		return onem2m.Errorf(onem2m.BadRequest, name, "a positive whole number is needed")
	}
	return nil
}

// withEvents returns enc with net, [1] where neither net nor om is given.
func withEvents(enc jsontext.Value) jsontext.Value {
	const preset = `"net":[1]`
	if enc.Kind() != '{' {
		return jsontext.Value("{" + preset + "}")
	}
	for _, name := range []string{"net", "om"} {
		if value, _, _ := member(enc, name); value != nil {
			return enc
		}
	}
	if err := enc.Compact(); err != nil || len(enc) <= len("{}") {
		return jsontext.Value("{" + preset + "}")
	}
	return append(enc[:len(enc)-1:len(enc)-1], ","+preset+"}"...)
}

// NotifiesOthers reports whether a subscription has a target besides the
// originator of its CREATE, in which case the originator becomes its creator
// even though nobody asked for it (C-273).
func NotifiesOthers(home onem2m.Home, attrs onem2m.Object, originator onem2m.ID) bool {
	targets, err := texts(attrs, "nu")
	if err != nil {
		return true
	}
	return slices.ContainsFunc(targets, func(t string) bool { return !names(home, t, originator) })
}

// TargetAddress returns the To of what is sent to a notificationURI: the entry
// without the serialization that "?ct=" selects (C-277). Whoever compares or
// resolves targets has to use it.
func TargetAddress(nu string) string {
	to, _ := splitTarget(nu)
	return to
}

// names reports whether a target is the entity under one of its identifiers.
func names(home onem2m.Home, target string, id onem2m.ID) bool {
	if isURL(target) || id == "" {
		return false
	}
	to, _ := splitTarget(target)
	a, err := onem2m.ParseAddress(to)
	return err == nil && a.Entity(home) == id
}

// AddedTargets returns the notification targets that after has and before
// hasn't: what an UPDATE has to verify (C-276). before is nil for a CREATE.
func AddedTargets(before, after onem2m.Object) []string {
	had, _ := texts(before, "nu") // what is stored has been checked
	has, _ := texts(after, "nu")  // as above
	return slices.DeleteFunc(has, func(t string) bool { return slices.Contains(had, t) })
}
