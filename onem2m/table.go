package onem2m

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind is the nature of a resource type in the tables of TS-0001 clause 9.6.
type Kind uint16

// The kinds of resource types. Announced variants have kinds of their own.
const (
	KindNormal Kind = iota
	KindAbstract
	KindVirtual
	KindMgmtObj       // a specialization of <mgmtObj>
	KindFlexContainer // a specialization of <flexContainer>
	KindAnnounced
	KindAbstractAnnounced
	KindMgmtObjAnnounced
	KindFlexContainerAnnounced
)

// Announced reports whether the kind is that of an announced variant.
func (k Kind) Announced() bool { return k >= KindAnnounced }

// Presence tells whether an attribute or parameter may be in a request
// (TS-0004 clause 7.4.1).
type Presence uint16

// The values of Presence.
const (
	NotPresent Presence = iota // NP: 4000 when present
	Optional                   // O
	Mandatory                  // M: 4000 when absent
)

// Access is the access mode of an attribute (TS-0001 clause 9.5.1).
type Access uint16

// The access modes.
const (
	ReadOnly  Access = iota // RO: assigned by the hosting CSE
	WriteOnce               // WO: set on CREATE only
	ReadWrite               // RW
)

// Announce tells how an attribute takes part in announcement (TS-0001 clause 9.5.1).
type Announce uint16

// The announcement modes.
const (
	NotAnnounced       Announce = iota // NA
	OptionalAnnounced                  // OA: when announcedAttribute lists it
	MandatoryAnnounced                 // MA
)

// TypeInfo is what the tables of TS-0001 and TS-0004 say about one resource
// type. It is shared and must not be changed.
type TypeInfo struct {
	Type           ResourceType // number; a specialization has that of its base; 0 for virtual types without one
	Name           string       // long name, "container"
	Root           string       // root element name, "m2m:cnt"; "" for abstract types
	Kind           Kind
	Since          string // release in which the type appeared: "R1", "R2", …
	Later          bool   // not in the Release 3 texts
	INOnly         bool   // hosted by an IN-CSE only
	Instantiable   bool   // may be the type of a CREATE
	Announceable   bool
	Original       ResourceType // number of the type that an announced variant announces, else 0
	MgmtDefinition int64        // of a mgmtObj specialization, else 0
	VirtualName    string       // fixed name of a virtual resource, "la"
	Open           bool         // attributes of a specialization may be added

	// Attributes are in the order of the tables: universal, common, specific;
	// those of later releases last.
	Attributes []*Attribute
	Children   []ResourceType // sorted; a specialization is represented by its base number
	virtual    []string
	names      []nameIndex // sorted by name
	required   []uint16    // indices of attributes that a CREATE must hold
}

// nameIndex finds the position of an attribute in TypeInfo.Attributes.
type nameIndex struct {
	name string
	at   uint16
}

// Attribute is one row of the attribute tables of a resource type.
type Attribute struct {
	Long, Short  string
	Type         *DataType
	List         bool // the value is a JSON array
	Optional     bool // multiplicity 0..1, else 1
	Access       Access
	Create       Presence
	Update       Presence
	Announce     Announce
	NullOnCreate bool // a CREATE may carry it with the value null only (C-093)
	IfPresent    bool // announced variant: there exactly if the original has it
	Later        bool // not in the Release 3 texts
	Since        string
	Default      jsontext.Value // nil if none
	Fixed        jsontext.Value // the only legal value, nil if none
	Min, Max     *int64         // bounds beyond those of the type
	MaxLength    int            // octets, 0 if unbounded
	Infinite     bool           // -1 stands for "no limit"
	Unit         string         // "byte", "s", "ms", "percent" or ""
}

// TypeByNumber returns the type with the number ty, or nil if it is unknown.
// For the numbers of <mgmtObj>, <flexContainer> and their announced variants
// it is the base type.
func TypeByNumber(ty ResourceType) *TypeInfo {
	if i := typeNumberIndex(ty); i >= 0 {
		return &typeTable[i]
	}
	return nil
}

// TypeByRoot returns the type whose root element name is root, "m2m:cnt" or
// "m2m:bat", or nil if it is unknown.
func TypeByRoot(root string) *TypeInfo {
	if i := typeRootIndex(root); i >= 0 {
		return &typeTable[i]
	}
	return nil
}

// Types returns all types of the catalogue in the order of their names.
func Types() []*TypeInfo {
	all := make([]*TypeInfo, len(typeTable))
	for i := range typeTable {
		all[i] = &typeTable[i]
	}
	return all
}

// Attribute returns the row of the attribute with the short name, or nil.
func (t *TypeInfo) Attribute(short string) *Attribute {
	if i := t.index(short); i >= 0 {
		return t.Attributes[i]
	}
	return nil
}

// Has reports whether the type has the attribute.
func (t *TypeInfo) Has(short string) bool { return t.index(short) >= 0 }

// index is a binary search over a few dozen names: no allocation, no map.
func (t *TypeInfo) index(short string) int {
	low, high := 0, len(t.names)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if t.names[mid].name < short {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(t.names) && t.names[low].name == short {
		return int(t.names[low].at)
	}
	return -1
}

// AllowsChild reports whether a resource of type ty may be created below a
// resource of this type: the union of what the parent's and the child's tables
// say, later releases included.
func (t *TypeInfo) AllowsChild(ty ResourceType) bool {
	_, found := slices.BinarySearch(t.Children, ty)
	return found
}

// VirtualChildren returns the names of the virtual resources below a resource
// of this type: "la" and "ol" of a container. The slice must not be changed.
func (t *TypeInfo) VirtualChildren() []string { return t.virtual }

// Virtual returns the type of the virtual child with this name, or nil.
func (t *TypeInfo) Virtual(name string) *TypeInfo {
	if !slices.Contains(t.virtual, name) {
		return nil
	}
	return TypeByRoot("m2m:" + name)
}

// With returns a copy of the type that has the given attributes behind its
// own, under another name and root: how a definition of a <flexContainer>
// specialization becomes a type. The copy is not known to TypeByRoot.
func (t *TypeInfo) With(name, root string, kind Kind, attributes []*Attribute) *TypeInfo {
	own := *t
	own.Name, own.Root, own.Kind, own.Open, own.Instantiable = name, root, kind, false, true
	own.Attributes = append(slices.Clone(t.Attributes), attributes...)
	own.names, own.required = nil, nil
	for i, a := range own.Attributes {
		own.names = append(own.names, nameIndex{name: a.Short, at: uint16(i)})
		if a.Create == Mandatory {
			own.required = append(own.required, uint16(i))
		}
	}
	slices.SortFunc(own.names, func(a, b nameIndex) int {
		switch {
		case a.name < b.name:
			return -1
		case a.name > b.name:
			return 1
		}
		return 0
	})
	return &own
}
