package cse

import (
	"slices"

	"bulwark/internal/cmdh"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Values of m2m:mgmtDefinition that have rules of their own.
const (
	mgmtFirmware         = 1001
	mgmtSoftware         = 1002
	mgmtDeviceCapability = 1008
	mgmtReboot           = 1009
	mgmtEventLog         = 1010
	mgmtDataCollection   = 1021
	mgmtWifiClient       = 1028
)

// cmdhParents tells below which specialization the parts of a cmdhPolicy stand
// (TS-0001 clause D.12). Everything else stands directly below a <node>.
func cmdhParent(definition int64) int64 {
	switch definition {
	case 1013, 1016, 1017, 1019: // cmdhDefaults, cmdhLimits, cmdhNetworkAccessRules, cmdhBuffer
		return 1011 // cmdhPolicy
	case 1014, 1015: // cmdhDefEcValue, cmdhEcDefParamValues
		return 1013 // cmdhDefaults
	case 1018: // cmdhNwAccessRule
		return 1017 // cmdhNetworkAccessRules
	}
	return 0
}

// Values of m2m:status.
const (
	statusUninitialized = 0
	statusInProcess     = 3
)

// logNotPresent is the value of m2m:logStatus of a log that doesn't exist.
const logNotPresent = 4

// control is an attribute of a <mgmtObj> that asks for an action when it is set
// to true.
type control struct {
	name, long string
	against    string // not true in the same request
	status     string // where the state of the action is kept; "" if nowhere
	rest       bool   // the value that it falls back to
	always     bool   // is there from the CREATE on
}

// controls returns the actions of a specialization (TS-0004 annex D).
func controls(definition int64) []control {
	switch definition {
	case mgmtFirmware:
		return []control{{name: "ud", long: "update", status: "uds", always: true}}
	case mgmtSoftware:
		return []control{
			{name: "in", long: "install", against: "un", status: "ins", always: true},
			{name: "un", long: "uninstall", against: "in", status: "ins", always: true},
			{name: "act", long: "activate", against: "dea", status: "acts"},
			{name: "dea", long: "deactivate", against: "act", status: "acts"},
		}
	case mgmtDeviceCapability:
		return []control{
			{name: "ena", long: "enable", against: "dis", status: "cas", rest: true, always: true},
			{name: "dis", long: "disable", against: "ena", status: "cas", rest: true, always: true},
		}
	case mgmtReboot:
		return []control{
			{name: "rbo", long: "reboot", against: "far", always: true},
			{name: "far", long: "factoryReset", against: "rbo", always: true},
		}
	case mgmtEventLog:
		return []control{
			{name: "lga", long: "logStart", against: "lgo", rest: true, always: true},
			{name: "lgo", long: "logStop", against: "lga", rest: true, always: true},
		}
	case mgmtWifiClient:
		return []control{
			{name: "scan", long: "scan", always: true},
			{name: "ud", long: "update", status: "uds", always: true},
			{name: "trdst", long: "toggleRadioStatus", always: true},
		}
	}
	return nil
}

func mgmtProcedures() *procedures {
	return &procedures{nests: nestMgmtObj, check: checkMgmtObj, create: createMgmtObj, update: updateMgmtObj, remove: removeMgmtObj}
}

// nestMgmtObj: parts of a cmdhPolicy below their whole, everything else below a
// <node> (C-415).
func nestMgmtObj(k *call, parent *store.Record) error {
	if k.draft.info == nil {
		return nil // the content is at fault, which is said in its turn
	}
	definition := k.draft.info.MgmtDefinition
	whole := cmdhParent(definition)
	if parent.Type == onem2m.TypeNode {
		if whole == 0 {
			return nil
		}
	} else if is := k.c.infoOf(parent); whole != 0 && is != nil && is.MgmtDefinition == whole {
		return nil
	}
	return onem2m.Errorf(onem2m.InvalidChildResourceType, "ty", "%s isn't a child of %s", k.draft.info.Root, parent.Root)
}

// foreignMgmtObj tells what is wrong with a root element that names no
// <mgmtObj>: the definition is unknown, or the name isn't that of it (C-414).
func foreignMgmtObj(raw onem2m.Object, root string) error {
	definition, given := raw.Int("mgd")
	if !given {
		return onem2m.Errorf(onem2m.BadRequest, "pc", "the root element %s names no <mgmtObj>", root)
	}
	for _, info := range onem2m.Types() {
		if info.Kind == onem2m.KindMgmtObj && info.MgmtDefinition == definition && info.Root != "" {
			return onem2m.Errorf(onem2m.BadRequest, "pc", "the root element isn't that of the definition, %s", info.Root)
		}
	}
	return onem2m.Errorf(onem2m.NotImplemented, "mgd", "management definition %d isn't supported", definition)
}

// checkMgmtObj: rules of annex D. A resource that stands for an object of a
// management protocol needs that protocol, which this CSE doesn't speak (C-416).
func checkMgmtObj(k *call, r store.Reader, s *subject) error {
	for _, name := range []string{"obis", "obps"} {
		if k.draft.attrs.Has(name) {
			return onem2m.Errorf(onem2m.ExternalObjectNotReachable, name, "no management protocol reaches the managed entity")
		}
	}
	asked := func(name string) bool {
		on, _ := k.draft.attrs.Bool(name)
		return on
	}
	for _, a := range controls(s.info.MgmtDefinition) {
		if a.against != "" && asked(a.name) && asked(a.against) {
			return onem2m.Errorf(onem2m.BadRequest, a.name, "not together with %s", a.against)
		}
	}
	switch s.info.MgmtDefinition {
	case mgmtEventLog:
		if status, _ := s.attrs.Int("lgst"); s.old != nil && status == logNotPresent && (asked("lga") || asked("lgo")) {
			return onem2m.Errorf(onem2m.BadRequest, "lgst", "there is no log to start or stop") // C-418
		}
	case mgmtDataCollection:
		if s.attrs.Has("mesc") && s.attrs.Has("meil") {
			return onem2m.Errorf(onem2m.BadRequest, "meil", "not together with mesc")
		}
	case mgmtWifiClient:
		return checkWifiCredentials(s.attrs)
	}
	return k.checkDeliveryPart(r, s)
}

// checkWifiCredentials: what goes with each kind of encryption, and nothing else.
func checkWifiCredentials(attrs onem2m.Object) error {
	given, ok := attrs.Object("wcrds")
	if !ok {
		return nil
	}
	var needed []string
	switch kind, _ := given.Int("enct"); kind {
	case 1:
	case 2:
		needed = []string{"wepk"}
	case 3, 4, 5:
		needed = []string{"wpap"}
	default: // enterprise
		needed = []string{"unm", "pwd"}
	}
	for _, name := range needed {
		if !given.Has(name) {
			return onem2m.Errorf(onem2m.BadRequest, name, "the encryption type needs it")
		}
	}
	if len(given) != len(needed)+1 {
		return onem2m.Errorf(onem2m.BadRequest, "wcrds", "more than the encryption type needs")
	}
	return nil
}

// createMgmtObj gives the attributes of actions their resting values.
func createMgmtObj(k *call, tx store.Tx, s *subject) error {
	k.c.policyChanges(tx, s.info.MgmtDefinition)
	s.settleControls()
	if s.info.MgmtDefinition == mgmtWifiClient {
		s.setDefaults(onem2m.Object{
			{Name: "scanr", Value: onem2m.TextsValue(nil)},
			{Name: "rdst", Value: onem2m.BoolValue(false)},
			{Name: "cons", Value: onem2m.IntValue(0)},
		})
	}
	return nil
}

// updateMgmtObj takes up the actions that are asked for (C-417, C-418). The CSE
// doesn't carry them out: whoever manages the device learns of them by
// subscription and writes the outcome into the status.
func updateMgmtObj(k *call, tx store.Tx, s *subject) error {
	k.c.policyChanges(tx, s.info.MgmtDefinition)
	s.settleControls()
	return nil
}

func removeMgmtObj(c *CSE, tx store.Tx, rec *store.Record) error {
	if info := c.infoOf(rec); info != nil {
		c.policyChanges(tx, info.MgmtDefinition)
	}
	return nil
}

// policyChanges lets requests that wait be looked at again when a part of a CMDH
// policy is committed.
func (c *CSE) policyChanges(tx store.Tx, definition int64) {
	if cmdh.Part(definition) {
		tx.OnCommit(c.depot.Changed)
	}
}

// settleControls lets each control fall back to its resting value, notes what
// was asked for, and keeps the state of the action.
func (s *subject) settleControls() {
	for _, a := range controls(s.info.MgmtDefinition) {
		on, given := s.attrs.Bool(a.name)
		fresh := s.old == nil || s.touches(a.name)
		if given || a.always {
			s.set(a.name, onem2m.BoolValue(a.rest))
		}
		if on && fresh && (s.old != nil || !a.rest) {
			s.asked.Set(a.name, onem2m.BoolValue(true))
			s.setStatus(a.status, a.long, statusInProcess)
		} else if a.always && !s.attrs.Has(a.status) {
			s.setStatus(a.status, "", statusUninitialized)
		}
	}
}

// touches reports whether an UPDATE names the attribute.
func (s *subject) touches(name string) bool { return slices.Contains(s.touched, name) }

// setStatus writes an m2m:actionStatus, unless the request gives one.
func (s *subject) setStatus(name, action string, status int64) {
	if name == "" || s.touches(name) || s.old == nil && s.attrs.Has(name) {
		return
	}
	var o onem2m.Object
	if action != "" {
		o.Set("acn", onem2m.TextValue(action))
	}
	o.Set("sus", onem2m.IntValue(status))
	s.set(name, o.Append(nil))
	if s.old != nil {
		s.touched = append(slices.Clip(s.touched), name)
	}
}
