package onem2m

import (
	"slices"

	"bulwark/onem2m/geo"
)

// instantOf returns the field of a condition on a time, or nil.
func (f *FilterCriteria) instantOf(short string) **Timestamp {
	switch short {
	case "crb":
		return &f.CreatedBefore
	case "cra":
		return &f.CreatedAfter
	case "ms":
		return &f.ModifiedSince
	case "us":
		return &f.UnmodifiedSince
	case "exb":
		return &f.ExpireBefore
	case "exa":
		return &f.ExpireAfter
	}
	return nil
}

// numberOf returns the field of a condition or control that holds a number,
// and its least value (C-166); nil and -1 for other names.
func (f *FilterCriteria) numberOf(short string) (field **int64, least int64) {
	switch short {
	case "sts":
		return &f.StateTagSmaller, 1
	case "stb":
		return &f.StateTagBigger, 0
	case "sza":
		return &f.SizeAbove, 0
	case "szb":
		return &f.SizeBelow, 1
	case "lim":
		return &f.Limit, 0
	case "ofst":
		return &f.Offset, 1
	case "lvl":
		return &f.Level, 1
	case "fu":
		return &f.FilterUsage, 1
	case "fo":
		return &f.FilterOperation, 1
	case "cfs":
		return &f.ContentFilterSyntax, 1
	case "gmty":
		return &f.GeometryType, 1
	case "gsf":
		return &f.GeoSpatialFunction, 1
	}
	return nil, -1
}

// textsOf returns the field of a condition that holds a list of texts, or nil.
func (f *FilterCriteria) textsOf(short string) *[]string {
	switch short {
	case "lbl":
		return &f.Labels
	case "clbl":
		return &f.ChildLabels
	case "palb":
		return &f.ParentLabels
	case "lbq":
		return &f.LabelsQuery
	case "cty":
		return &f.ContentTypes
	case "smf":
		return &f.SemanticsFilter
	}
	return nil
}

// Values of filterUsage and filterOperation (TS-0004 clauses 6.3.4.2.31 and
// 6.3.4.2.34); the fourth usage and XOR are of a later release.
const (
	UsageDiscovery          = 1
	UsageConditional        = 2
	UsageIPEOnDemand        = 3
	UsageDiscoveryOperation = 4

	FilterAnd = 1
	FilterOr  = 2
	FilterXor = 3
)

// Check checks the filter as a whole, whatever format it came in: enumerations,
// names of attributes, conditions that only come together (C-036, C-160, C-166,
// C-168), and the grammars of labelsQuery and contentFilterQuery (C-171, C-172).
// Errors name the condition. The queries of semanticsFilter are read by whoever
// evaluates them.
func (f *FilterCriteria) Check() error {
	if err := f.checkNumbers(); err != nil {
		return err
	}
	for _, list := range []struct {
		name       string
		conditions []AttributeCondition
	}{{"atr", f.Attributes}, {"catr", f.ChildAttributes}, {"patr", f.ParentAttributes}} {
		for _, c := range list.conditions {
			if err := checkCondition(list.name, c); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"lbl", "clbl", "palb", "lbq", "cty", "smf"} {
		if slices.Contains(*f.textsOf(name), "") {
			return Errorf(BadRequest, name, "a value of the list is empty")
		}
	}
	for _, expression := range f.LabelsQuery {
		if _, err := parseLabelsQuery(expression); err != nil {
			return err
		}
	}
	return f.checkTogether()
}

func (f *FilterCriteria) checkNumbers() *Error {
	for _, name := range []string{"sts", "stb", "sza", "szb", "lim", "ofst", "lvl", "fu", "fo", "cfs", "gmty", "gsf"} {
		if n, least := f.numberOf(name); *n != nil && **n < least {
			return Errorf(BadRequest, name, "the value must be an integer of %d or more", least)
		}
	}
	for _, e := range []struct {
		name string
		n    *int64
		max  int64
	}{
		{"fu", f.FilterUsage, UsageDiscoveryOperation},
		{"fo", f.FilterOperation, FilterXor},
		{"cfs", f.ContentFilterSyntax, contentJSONPath},
		{"gmty", f.GeometryType, geometryMultiPolygon},
		{"gsf", f.GeoSpatialFunction, 3}, // within, contains, intersects
	} {
		if e.n != nil && *e.n > e.max {
			return Errorf(BadRequest, e.name, "the value must be between 1 and %d", e.max)
		}
	}
	return nil
}

// checkCondition checks the name of an attribute condition (C-160).
func checkCondition(subject string, c AttributeCondition) *Error {
	switch c.Name {
	case "ct", "lt", "st", "et", "lbl", "ty", "cs", "cnf":
		return Errorf(BadRequest, c.Name, "the attribute has a filter condition of its own")
	}
	if !AttributeKnown(c.Name) {
		return Errorf(BadRequest, printable(c.Name), "no attribute has the name that %s gives", subject)
	}
	return nil
}

// contentJSONPath is the only content filter syntax.
const contentJSONPath = 1

// checkTogether checks conditions that go together, and what they say.
func (f *FilterCriteria) checkTogether() error {
	switch {
	case f.ContentFilterSyntax != nil && f.ContentFilterQuery == "":
		return Errorf(BadRequest, "cfq", "contentFilterSyntax needs a contentFilterQuery")
	case f.ContentFilterSyntax == nil && f.ContentFilterQuery != "":
		return Errorf(BadRequest, "cfs", "contentFilterQuery needs a contentFilterSyntax")
	case f.hasGeometry() && (f.GeometryType == nil || f.GeoSpatialFunction == nil || f.Geometry == ""):
		return Errorf(BadRequest, "gmty", "gmty, geom and gsf come together or not at all")
	case f.hasGeometry() && !ValidGeometry(*f.GeometryType, f.Geometry):
		return Errorf(BadRequest, "geom", "the coordinates don't fit the geometry")
	}
	if f.hasGeometry() {
		if _, err := geo.Parse(geo.Kind(*f.GeometryType), f.Geometry); err != nil {
			return Errorf(BadRequest, "geom", "the coordinates are no geometry")
		}
	}
	if f.ContentFilterQuery != "" {
		if _, err := parseContentQuery(f.ContentFilterQuery); err != nil {
			return err
		}
	}
	return nil
}

func (f *FilterCriteria) hasGeometry() bool {
	return f.GeometryType != nil || f.GeoSpatialFunction != nil || f.Geometry != ""
}

// HasConditions reports whether the filter says anything about the resources
// that match, apart from usage, operation, limit, offset, level and relative path.
func (f *FilterCriteria) HasConditions() bool {
	for _, name := range []string{"crb", "cra", "ms", "us", "exb", "exa"} {
		if *f.instantOf(name) != nil {
			return true
		}
	}
	for _, name := range []string{"sts", "stb", "sza", "szb"} {
		if n, _ := f.numberOf(name); *n != nil {
			return true
		}
	}
	for _, name := range []string{"lbl", "clbl", "palb", "lbq", "cty", "smf"} {
		if len(*f.textsOf(name)) > 0 {
			return true
		}
	}
	return len(f.Types)+len(f.ChildTypes)+len(f.ParentTypes)+
		len(f.Attributes)+len(f.ChildAttributes)+len(f.ParentAttributes) > 0 ||
		f.ContentFilterQuery != "" || f.hasGeometry()
}
