package onem2m

// FilterCriteria is m2m:filterCriteria (TS-0004 clause 6.3.5.8, TS-0001 table
// 8.1.2-1). Absent conditions are nil or empty.
type FilterCriteria struct {
	CreatedBefore, CreatedAfter     *Timestamp // crb, cra
	ModifiedSince, UnmodifiedSince  *Timestamp // ms, us
	ExpireBefore, ExpireAfter       *Timestamp // exb, exa
	StateTagSmaller, StateTagBigger *int64     // sts, stb
	SizeAbove, SizeBelow            *int64     // sza, szb

	Labels, ChildLabels, ParentLabels []string       // lbl, clbl, palb
	LabelsQuery                       []string       // lbq
	Types, ChildTypes, ParentTypes    []ResourceType // ty, chty, pty
	ContentTypes                      []string       // cty

	Attributes, ChildAttributes, ParentAttributes []AttributeCondition // atr, catr, patr

	SemanticsFilter     []string // smf
	ContentFilterSyntax *int64   // cfs
	ContentFilterQuery  string   // cfq

	GeometryType       *int64 // gmty
	Geometry           string // geom
	GeoSpatialFunction *int64 // gsf

	FilterUsage     *int64 // fu
	FilterOperation *int64 // fo: 1 AND (default), 2 OR, 3 XOR
	Limit           *int64 // lim
	Offset          *int64 // ofst
	Level           *int64 // lvl
	RelativePath    string // arp
}

// AttributeCondition is one m2m:attribute of a filter: a short name and the
// text its value is compared with.
type AttributeCondition struct {
	Name  string
	Value string
}
